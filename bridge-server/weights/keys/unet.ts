import { type KeyMap, keyMap, range, type Row, under } from './key-map.ts';

/** How many resolutions a U-Net can have, and how many residual blocks each has on the way down. */
const LEVELS = 4;
const LAYERS = 2;

const RESNET = [
  ['in_layers.0', 'norm1'],
  ['in_layers.2', 'conv1'],
  ['emb_layers.1', 'time_emb_proj'],
  ['out_layers.0', 'norm2'],
  ['out_layers.3', 'conv2'],
  ['skip_connection', 'conv_shortcut'],
] as const;

const EMBEDDINGS: readonly Row[] = [
  ['time_embed.0', 'time_embedding.linear_1'],
  ['time_embed.2', 'time_embedding.linear_2'],
  ['time_embed.cond_proj', 'time_embedding.cond_proj'],
  ['label_emb.0.0', 'add_embedding.linear_1'],
  ['label_emb.0.2', 'add_embedding.linear_2'],
  ['input_blocks.0.0', 'conv_in'],
];

/** The original numbers the way down through: conv_in, then two blocks and a down-sampler a level. */
const DOWN: readonly Row[] = range(LEVELS).flatMap((level) => {
  const first = 1 + level * (LAYERS + 1);
  return [
    ...range(LAYERS).flatMap((layer): Row[] => [
      ...under(`input_blocks.${first + layer}.0`, `down_blocks.${level}.resnets.${layer}`, RESNET),
      [`input_blocks.${first + layer}.1`, `down_blocks.${level}.attentions.${layer}`],
    ]),
    [`input_blocks.${first + LAYERS}.0.op`, `down_blocks.${level}.downsamplers.0.conv`] as Row,
  ];
});

const MIDDLE: readonly Row[] = [
  ...under('middle_block.0', 'mid_block.resnets.0', RESNET),
  ['middle_block.1', 'mid_block.attentions.0'],
  ...under('middle_block.2', 'mid_block.resnets.1', RESNET),
];

/** Three blocks a level on the way up; the up-sampler is the last module of the last block, with or without attention. */
const UP: readonly Row[] = range(LEVELS).flatMap((level) => {
  const first = level * (LAYERS + 1);
  const last = first + LAYERS;
  return [
    ...range(LAYERS + 1).flatMap((layer): Row[] => [
      ...under(`output_blocks.${first + layer}.0`, `up_blocks.${level}.resnets.${layer}`, RESNET),
      [`output_blocks.${first + layer}.1`, `up_blocks.${level}.attentions.${layer}`],
    ]),
    [`output_blocks.${last}.1.conv`, `up_blocks.${level}.upsamplers.0.conv`] as Row,
    [`output_blocks.${last}.2.conv`, `up_blocks.${level}.upsamplers.0.conv`] as Row,
  ];
});

const OUT: readonly Row[] = [
  ['out.0', 'conv_norm_out'],
  ['out.2', 'conv_out'],
];

/** The U-Net of Stable Diffusion 1.5, 2.1 and SDXL, below `model.diffusion_model.`. */
export const UNET: KeyMap = keyMap(EMBEDDINGS, DOWN, MIDDLE, UP, OUT);

/** One zero convolution for every skip connection: conv_in, and each block and down-sampler. */
const SKIPS = LEVELS * (LAYERS + 1);
const HINT_CONVS = 8;

const HINT: readonly Row[] = range(HINT_CONVS).map((i) => [
  `input_hint_block.${2 * i}`,
  `controlnet_cond_embedding.${i === 0 ? 'conv_in' : i === HINT_CONVS - 1 ? 'conv_out' : `blocks.${i - 1}`}`,
]);

const ZERO_CONVS: readonly Row[] = [
  ...range(SKIPS).map((i): Row => [`zero_convs.${i}.0`, `controlnet_down_blocks.${i}`]),
  ['middle_block_out.0', 'controlnet_mid_block'],
];

/** A ControlNet, below `control_model.`: a copy of the way down, the hint's own encoder and the zero convolutions. */
export const CONTROLNET: KeyMap = keyMap(EMBEDDINGS, DOWN, MIDDLE, HINT, ZERO_CONVS);
