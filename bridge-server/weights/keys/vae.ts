import { type KeyMap, keyMap, range, type Row, under } from './key-map.ts';

const LEVELS = 4;

const RESNET = [
  ['norm1', 'norm1'],
  ['conv1', 'conv1'],
  ['norm2', 'norm2'],
  ['conv2', 'conv2'],
  ['nin_shortcut', 'conv_shortcut'],
] as const;

const ATTENTION = [
  ['norm', 'group_norm'],
  ['q', 'to_q'],
  ['k', 'to_k'],
  ['v', 'to_v'],
  ['proj_out', 'to_out.0'],
] as const;

/** What the two halves share. */
const half = (side: 'encoder' | 'decoder'): readonly Row[] => [
  [`${side}.conv_in`, `${side}.conv_in`],
  ...under(`${side}.mid.block_1`, `${side}.mid_block.resnets.0`, RESNET),
  ...under(`${side}.mid.attn_1`, `${side}.mid_block.attentions.0`, ATTENTION),
  ...under(`${side}.mid.block_2`, `${side}.mid_block.resnets.1`, RESNET),
  [`${side}.norm_out`, `${side}.conv_norm_out`],
  [`${side}.conv_out`, `${side}.conv_out`],
];

const DOWN: readonly Row[] = range(LEVELS).flatMap((level) => [
  ...range(2).flatMap((layer) =>
    under(`encoder.down.${level}.block.${layer}`, `encoder.down_blocks.${level}.resnets.${layer}`, RESNET),
  ),
  [`encoder.down.${level}.downsample.conv`, `encoder.down_blocks.${level}.downsamplers.0.conv`] as Row,
]);

/** The original numbers the decoder's levels by resolution, diffusers by the order in which they run. */
const UP: readonly Row[] = range(LEVELS).flatMap((level) => {
  const original = LEVELS - 1 - level;
  return [
    ...range(3).flatMap((layer) =>
      under(`decoder.up.${original}.block.${layer}`, `decoder.up_blocks.${level}.resnets.${layer}`, RESNET),
    ),
    [`decoder.up.${original}.upsample.conv`, `decoder.up_blocks.${level}.upsamplers.0.conv`] as Row,
  ];
});

const QUANT: readonly Row[] = [
  ['quant_conv', 'quant_conv'],
  ['post_quant_conv', 'post_quant_conv'],
];

/** AutoencoderKL, below `first_stage_model.`. */
export const VAE: KeyMap = keyMap(half('encoder'), half('decoder'), DOWN, UP, QUANT);

const OLD_ATTENTION = [
  ['query', 'to_q'],
  ['key', 'to_k'],
  ['value', 'to_v'],
  ['proj_attn', 'to_out.0'],
] as const;

/** Diffusers itself called the attention of the VAE otherwise before 0.15; many published files still do. */
export const VAE_DIFFUSERS: KeyMap = keyMap(
  ['encoder', 'decoder', 'quant_conv', 'post_quant_conv'].map((module): Row => [module, module]),
  ['encoder', 'decoder'].flatMap((side) => {
    const attention = `${side}.mid_block.attentions.0`;
    return under(attention, attention, OLD_ATTENTION);
  }),
);

/**
 * TAESD as its author publishes it: two files, each a plain sequence. The decoder's first module clamps and has no
 * counterpart among diffusers' layers.
 */
export const TAESD_ENCODER: KeyMap = keyMap(range(15).map((i): Row => [`${i}`, `encoder.layers.${i}`]));
export const TAESD_DECODER: KeyMap = keyMap(range(19).map((i): Row => [`${i + 1}`, `decoder.layers.${i}`]));
