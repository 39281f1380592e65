import { useRef, useState } from 'react';
import type { Shot } from '../host/host.ts';
import { requestOf, type Choices, type ShotChoices } from '../request.ts';
import { troubleOf, type Trouble } from '../trouble.ts';
import type { Desk } from './state.ts';

export type NamedShot = { readonly name: string; readonly shot: Shot };

/** From the press on Paint until every shot is handed to the bridge: an editor may have to write clips as movies first. */
export type Painting = {
  /** What is being made ready; `bytes`: written so far by the editor, null while it writes none. Null: nothing. */
  readonly busy: { readonly name: string; readonly bytes: number | null; readonly stop: () => void } | null;
  /** Why the last one came to nothing. */
  readonly trouble: Trouble | null;
  /** `read`: what is to be painted, asked once. Resolves with whether it was handed over; while one is busy, nothing is. */
  start(
    read: () => Promise<readonly NamedShot[]>,
    choices: Choices,
    own: (shot: Shot) => ShotChoices,
  ): Promise<boolean>;
};

/** Lives above the views: what an editor writes goes on while another one is shown. */
export function usePainting({ host, renders }: Desk): Painting {
  const [busy, setBusy] = useState<Painting['busy']>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const running = useRef(false);
  const start: Painting['start'] = async (read, choices, own) => {
    if (running.current) return false;
    running.current = true;
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    setBusy({ name: '', bytes: null, stop });
    setTrouble(null);
    try {
      const shots = await read();
      for (const { name, shot } of shots) {
        const onProgress = (bytes: number): void => setBusy({ name, bytes, stop });
        const prepared = await host.prepare(shot, { signal: abort.signal, onProgress });
        renders.start(name, requestOf(prepared, choices, own(shot)), prepared.spot);
      }
      return shots.length > 0;
    } catch (error) {
      if (!abort.signal.aborted) setTrouble(troubleOf(error));
      return false;
    } finally {
      running.current = false;
      setBusy(null);
    }
  };
  return { busy, trouble, start };
}
