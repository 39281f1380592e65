import type { ChosenKey } from './request.ts';

/** Key frames picked by hand: ascending, each frame once. What is painted anew after a change is only what depends on it. */
export type ChosenKeys = readonly ChosenKey[];
export type KeyPicture = ChosenKey['picture'];

/** Those frames, painted by the look. */
export const chosenAt = (frames: readonly number[]): ChosenKeys =>
  frames.reduce<ChosenKeys>((keys, frame) => withKey(keys, frame), []);

/** With a key at that frame; the one that is there stays. */
export function withKey(keys: ChosenKeys, frame: number): ChosenKeys {
  return hasKey(keys, frame) ? keys : sorted([...keys, { frame, picture: { kind: 'painted' } }]);
}

/** Without it; the last one stays, since nothing could be painted from none. */
export const withoutKey = (keys: ChosenKeys, frame: number): ChosenKeys =>
  keys.length > 1 ? keys.filter((key) => key.frame !== frame) : keys;

/** The key goes to another frame, unless one is there. The artist's image was made for its frame, so it stays behind. */
export function movedKey(keys: ChosenKeys, from: number, to: number): ChosenKeys {
  if (hasKey(keys, to)) return keys;
  const moved = ({ picture }: ChosenKey): ChosenKey => ({
    frame: to,
    picture: picture.kind === 'image' ? { kind: 'painted' } : picture,
  });
  return sorted(keys.map((key) => (key.frame === from ? moved(key) : key)));
}

export const withPicture = (keys: ChosenKeys, frame: number, picture: KeyPicture): ChosenKeys =>
  keys.map((key) => (key.frame === frame ? { frame, picture } : key));

export const hasKey = (keys: ChosenKeys, frame: number): boolean => keys.some((key) => key.frame === frame);

/** Those of the shot [from, to), which may have been trimmed since they were picked; null when none is left. */
export function keysWithin(keys: ChosenKeys | null, from: number, to: number | null): ChosenKeys | null {
  const inside = keys?.filter(({ frame }) => frame >= from && (to === null || frame < to)) ?? [];
  return inside.length > 0 ? inside : null;
}

const sorted = (keys: ChosenKeys): ChosenKeys => [...keys].sort((a, b) => a.frame - b.frame);
