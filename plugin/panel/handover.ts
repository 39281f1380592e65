import { useRef, useState } from 'react';
import type { Selection, Shot } from '../host/host.ts';
import { troubleOf, type Trouble } from '../trouble.ts';
import type { Desk } from './state.ts';

export type NamedShot = { readonly name: string; readonly shot: Shot };

/** The view that something was started from. */
type Task = 'paint' | 'train';

/** From the press on a button until every shot is handed to the bridge: an editor may have to write clips as movies first. */
export type Handover = {
  /** What is being made ready; `bytes`: written so far by the editor, null while it writes none. Null: nothing. */
  readonly busy: { readonly name: string; readonly bytes: number | null; readonly stop: () => void } | null;
  /** Why the last one came to nothing. */
  readonly trouble: (Trouble & { readonly of: Task }) | null;
  /**
   * `hand` gives over what it reads, each shot as `prepare` makes it ready; false: there was nothing. Resolves with whether it was
   * handed over. While one is busy, nothing is.
   */
  start(of: Task, hand: (prepare: (shot: NamedShot) => Promise<Shot>) => Promise<boolean>): Promise<boolean>;
};

/** Lives above the views: what an editor writes goes on while another one is shown. */
export function useHandover({ host }: Desk): Handover {
  const [busy, setBusy] = useState<Handover['busy']>(null);
  const [trouble, setTrouble] = useState<Handover['trouble']>(null);
  const running = useRef(false);
  const start: Handover['start'] = async (of, hand) => {
    if (running.current) return false;
    running.current = true;
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    setBusy({ name: '', bytes: null, stop });
    setTrouble(null);
    try {
      return await hand(({ name, shot }) => {
        const onProgress = (bytes: number): void => setBusy({ name, bytes, stop });
        return host.prepare(shot, { signal: abort.signal, onProgress });
      });
    } catch (error) {
      if (!abort.signal.aborted) setTrouble({ of, ...troubleOf(error) });
      return false;
    } finally {
      running.current = false;
      setBusy(null);
    }
  };
  return { busy, trouble, start };
}

/** What of the selection can be used. */
export function shotsIn(selection: Selection | 'unreadable' | null): readonly NamedShot[] {
  const clips = selection === null || selection === 'unreadable' ? [] : selection.clips;
  return clips.flatMap((clip) => (clip.usable ? [{ name: clip.name, shot: clip.shot }] : []));
}
