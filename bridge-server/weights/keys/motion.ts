import { type KeyMap, keyMap, range, under } from './key-map.ts';

/** Below each `motion_modules.N.temporal_transformer`: one transformer block, whose two attentions share their positions. */
const MODULE = [
  ['norm', 'norm'],
  ['proj_in', 'proj_in'],
  ['proj_out', 'proj_out'],
  ['transformer_blocks.0.attention_blocks.0', 'transformer_blocks.0.attn1'],
  ['transformer_blocks.0.attention_blocks.1', 'transformer_blocks.0.attn2'],
  ['transformer_blocks.0.attention_blocks.0.pos_encoder', 'transformer_blocks.0.pos_embed'],
  ['transformer_blocks.0.norms.0', 'transformer_blocks.0.norm1'],
  ['transformer_blocks.0.norms.1', 'transformer_blocks.0.norm2'],
  ['transformer_blocks.0.ff_norm', 'transformer_blocks.0.norm3'],
  ['transformer_blocks.0.ff', 'transformer_blocks.0.ff'],
] as const;

const LEVELS = 4;

/** One module after each block of the U-Net: two a level on the way down, three on the way up, in some versions one in the middle. */
const MODULES = [
  ...range(LEVELS).flatMap((level) => range(2).map((layer) => `down_blocks.${level}.motion_modules.${layer}`)),
  'mid_block.motion_modules.0',
  ...range(LEVELS).flatMap((level) => range(3).map((layer) => `up_blocks.${level}.motion_modules.${layer}`)),
];

/** AnimateDiff's motion modules as they were published. */
export const MOTION: KeyMap = keyMap(
  MODULES.flatMap((module) => under(`${module}.temporal_transformer`, module, MODULE)),
);
