import { type KeyMap, keyMap, range, type Row, under } from './key-map.ts';

/** Names that are diffusers' own already. */
export const CLIP: KeyMap = keyMap([
  ['text_model', 'text_model'],
  ['text_projection', 'text_projection'],
]);

/** Checkpoints saved by old versions of transformers lack the outer module. */
export const CLIP_BARE: KeyMap = keyMap(
  ['embeddings', 'encoder', 'final_layer_norm'].map((module): Row => [module, `text_model.${module}`]),
);

const BLOCK = [
  ['ln_1', 'layer_norm1'],
  ['ln_2', 'layer_norm2'],
  ['mlp.c_fc', 'mlp.fc1'],
  ['mlp.c_proj', 'mlp.fc2'],
  ['attn.out_proj', 'self_attn.out_proj'],
] as const;

const openClip = (layers: number): KeyMap =>
  keyMap(
    [
      ['token_embedding', 'text_model.embeddings.token_embedding'],
      ['positional_embedding', 'text_model.embeddings.position_embedding.weight'],
      ['ln_final', 'text_model.final_layer_norm'],
      ['text_projection', { transposed: 'text_projection.weight' }],
    ],
    range(layers).flatMap((layer): Row[] => {
      const [original, diffusers] = [`transformer.resblocks.${layer}`, `text_model.encoder.layers.${layer}`];
      const stacked = (leaf: string): Row => [
        `${original}.attn.in_proj_${leaf}`,
        { rows: ['q', 'k', 'v'].map((name) => `${diffusers}.self_attn.${name}_proj.${leaf}`) },
      ];
      return [...under(original, diffusers, BLOCK), stacked('weight'), stacked('bias')];
    }),
  );

/** OpenCLIP bigG, 32 layers. */
export const OPEN_CLIP_G: KeyMap = openClip(32);

/** OpenCLIP H of Stable Diffusion 2: its 24th layer is in the file, and was never used in training. */
export const OPEN_CLIP_H: KeyMap = openClip(23);
