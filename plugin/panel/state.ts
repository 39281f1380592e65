import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Connection, ConnectionState } from '../bridge/connection.ts';
import type { JobView } from '../../bridge-server/protocol/job.ts';
import type { Host, Selection } from '../host/host.ts';
import type { Memory, Render, Renders } from '../renders.ts';
import { choicesFrom, type Choices } from '../request.ts';

/** Everything that the views stand on. */
export type Desk = {
  readonly host: Host;
  readonly connection: Connection;
  readonly renders: Renders;
  readonly memory: Memory;
};

export function useConnection(connection: Connection): { state: ConnectionState; jobs: readonly JobView[] } {
  const subscribe = useCallback((listener: () => void) => connection.onChange(listener), [connection]);
  const state = useSyncExternalStore(subscribe, () => connection.state);
  const jobs = useSyncExternalStore(subscribe, () => connection.jobs);
  return { state, jobs };
}

/** What a key of the job is becoming, as an address for an image. */
export function usePreview(connection: Connection, job: string): string | undefined {
  const subscribe = useCallback((listener: () => void) => connection.onChange(listener), [connection]);
  return useSyncExternalStore(subscribe, () => connection.previews.get(job));
}

export function useRenders(renders: Renders): readonly Render[] {
  const subscribe = useCallback((listener: () => void) => renders.onChange(listener), [renders]);
  return useSyncExternalStore(subscribe, () => renders.all);
}

/** The selection, and how to read it anew: editors tell of changes late or never, so a look at the panel is a reason too. */
export function useSelection(host: Host): {
  readonly selection: Selection | 'unreadable' | null;
  readonly refresh: () => Promise<Selection | 'unreadable'>;
} {
  const [selection, setSelection] = useState<Selection | 'unreadable' | null>(null);
  const latest = useRef(0);
  const refresh = useCallback(async () => {
    latest.current += 1;
    const mine = latest.current;
    const read = await host.selection().catch(() => 'unreadable' as const);
    // An editor that is busy answers an earlier question later.
    if (mine === latest.current) setSelection(read);
    return read;
  }, [host]);
  useEffect(() => {
    void refresh();
    return host.watch(() => void refresh());
  }, [host, refresh]);
  return { selection, refresh };
}

const MEMORY = 'pentimento.choices';

export function useChoices(memory: Memory): [Choices, (changes: Partial<Choices>) => void] {
  const [choices, setChoices] = useState(() => choicesFrom(memory.getItem(MEMORY)));
  const change = (changes: Partial<Choices>): void => {
    const next = { ...choices, ...changes };
    memory.setItem(MEMORY, JSON.stringify(next));
    setChoices(next);
  };
  return [choices, change];
}
