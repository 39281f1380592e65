import { Failure } from '../errors.ts';
import type { DiffusionLook, RenderRequest } from '../protocol/request.ts';
import type { JobKey } from './job.ts';

/** Refuses keys that were chosen where no frame is (`range`, as far as it is known), or painted again by what has no seed. */
export function refuseChosen(
  { keys, look }: Pick<RenderRequest, 'keys' | 'look'>,
  { from, to }: { readonly from: number; readonly to: number | null },
): void {
  if (keys.kind !== 'chosen') return;
  for (const { frame, picture } of keys.keys) {
    if (frame < from || frame >= (to ?? Infinity)) throw new Failure('key-frame', { frame, from, to });
    if (picture.kind === 'repainted' && look.kind !== 'diffusion') {
      throw new Failure('key-seed', { frame, look: look.kind });
    }
  }
}

/** The artist's own images among keys that were chosen, by frame. */
export const chosenImages = (keys: RenderRequest['keys']): Map<number, string> =>
  new Map(
    (keys.kind === 'chosen' ? keys.keys : []).flatMap(({ frame, picture }) =>
      picture.kind === 'image' ? [[frame, picture.path] as const] : [],
    ),
  );

/** Seeds of keys that are painted with another than the look's. */
export const seedsOf = (keys: RenderRequest['keys'], { seed }: DiffusionLook): Map<number, number> =>
  new Map(
    (keys.kind === 'chosen' ? keys.keys : []).flatMap(({ frame, picture }) =>
      picture.kind === 'repainted' && picture.seed !== seed ? [[frame, picture.seed] as const] : [],
    ),
  );

/** Whether anything of the request is painted by its look. */
export const paintsKeys = ({ keys }: Pick<RenderRequest, 'keys'>): boolean =>
  keys.kind !== 'images' && !(keys.kind === 'chosen' && keys.keys.every(({ picture }) => picture.kind === 'image'));

const GIVEN = { reason: 'given', explanation: 'Your own image.' } as const;

/** Keys as their owner gave them; `images`: the frames of his own images. */
export function givenChoice(asked: RenderRequest['keys'], images: Iterable<number>): JobKey[] {
  if (asked.kind !== 'chosen') return [...images].map((frame) => ({ frame, ...GIVEN }));
  return asked.keys.map(({ frame, picture }): JobKey => {
    switch (picture.kind) {
      case 'image':
        return { frame, ...GIVEN };
      case 'repainted':
        return { frame, reason: 'chosen', explanation: `You chose it, and its seed ${picture.seed}.` };
      case 'painted':
        return { frame, reason: 'chosen', explanation: 'You chose it.' };
    }
  });
}
