import type { RenderRequest } from '../../bridge-server/protocol/request.ts';

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
