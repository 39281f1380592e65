import type { Lent } from '../../plugin/host/host.ts';

/** What a panel lends to its host, where nobody is asked and the disk is empty; `changes` say otherwise. */
export function lent(changes: Partial<Lent> = {}): Lent {
  const held = new Map<string, string>();
  return {
    choose: { folder: () => Promise.resolve(null), file: () => Promise.resolve(null) },
    memory: { getItem: (name) => held.get(name) ?? null, setItem: (name, value) => void held.set(name, value) },
    pause: () => Promise.resolve(),
    look: () => Promise.resolve(null),
    ...changes,
  };
}
