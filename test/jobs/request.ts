import type { DiffusionLook, RenderRequest } from '../../bridge-server/protocol/request.ts';

/** A look by a model like many; paths need not exist. */
export function someDiffusion(changes: Partial<DiffusionLook> = {}): DiffusionLook {
  return {
    kind: 'diffusion',
    model: '/models/a.safetensors',
    vae: null,
    embeddings: [],
    prompt: 'a cat',
    prompts: [],
    regions: [],
    negative: '',
    steps: 20,
    guidance: 7.5,
    strength: 0.5,
    scheduler: null,
    seed: 0,
    noise: 'still',
    clipSkip: 1,
    area: null,
    secondPass: null,
    loras: [],
    motion: null,
    controls: [],
    consistency: { attention: 'own', window: 1, start: 0, shape: 0, tone: 0, colour: false },
    details: [],
    ...changes,
  };
}

/** A request like many; paths need not exist. */
export function someRequest(changes: Partial<RenderRequest> = {}): RenderRequest {
  return {
    version: 1,
    source: { path: '/clips/a.mov', from: 0, to: null, rate: null, alpha: 'straight' },
    keys: { kind: 'every', step: 1 },
    look: { kind: 'none' },
    mask: null,
    profile: 'quality',
    output: { kind: 'movie', path: '/out/a.mov', codec: 'prores4444', sound: true },
    ...changes,
  };
}

/** The same as what a job is to do. */
export const someRender = (changes: Partial<RenderRequest> = {}) =>
  ({ kind: 'render', request: someRequest(changes) }) as const;
