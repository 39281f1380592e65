import type { TrainRequest } from '../../bridge-server/protocol/train-request.ts';

/** A training like many, of a tiny network; paths need not exist. */
export function someTraining(changes: Partial<TrainRequest> = {}): TrainRequest {
  return {
    version: 1,
    clips: [{ source: someClip('/clips/a.mov'), subject: { kind: 'whole' } }],
    model: '/models/a.safetensors',
    trigger: 'blorp',
    caption: 'a photo of {trigger}',
    examples: { kind: 'auto', count: 3 },
    area: 64 * 64,
    prior: null,
    settings: {
      rank: 2,
      alpha: 2,
      layers: 'attention',
      steps: 30,
      accumulate: 1,
      rate: 5e-3,
      schedule: 'cosine',
      warmup: 2,
      decay: 0.01,
      clip: 1,
      snrGamma: 5,
      rankDropout: 0,
      captionDropout: 0.05,
      priorWeight: 1,
      seed: 0,
    },
    samples: null,
    output: { kind: 'store', name: 'blorp' },
    ...changes,
  };
}

export const someClip = (path: string): TrainRequest['clips'][number]['source'] => ({
  ...{ path, from: 0, to: null, rate: null, alpha: 'straight' },
});
