import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Connection, ConnectionState } from '../bridge/connection.ts';
import type { SourceFacts } from '../../bridge-server/protocol/http.ts';
import { Refused } from '../bridge/problem.ts';
import type { JobView } from '../../bridge-server/protocol/job.ts';
import type { AddingView } from '../../bridge-server/protocol/messages.ts';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import type { Host, Memory, Selection, Shot } from '../host/host.ts';
import type { Installed } from '../installed.ts';
import type { Render, Renders } from '../renders.ts';
import { sourceOf } from '../request.ts';
import { troubleOf, type Trouble } from '../trouble.ts';

/** Everything that the views stand on. */
export type Desk = {
  readonly host: Host;
  readonly connection: Connection;
  readonly renders: Renders;
  readonly memory: Memory;
  /** Asks the system to start the bridge; false: it would not. Null where it cannot be asked. */
  readonly startBridge: (() => Promise<boolean>) | null;
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

/** The models that are on their way, and those that did not come. */
export function useAdding(connection: Connection): readonly AddingView[] {
  const subscribe = useCallback((listener: () => void) => connection.onChange(listener), [connection]);
  return useSyncExternalStore(subscribe, () => connection.adding);
}

export function useRenders(renders: Renders): readonly Render[] {
  const subscribe = useCallback((listener: () => void) => renders.onChange(listener), [renders]);
  return useSyncExternalStore(subscribe, () => renders.all);
}

/** The selection, and how to read it anew: editors tell of changes late or never, so a look at the panel is a reason too. */
export function useSelection(
  host: Host,
  withEffects: boolean,
): {
  readonly selection: Selection | 'unreadable' | null;
  readonly refresh: () => Promise<Selection | 'unreadable'>;
} {
  const [selection, setSelection] = useState<Selection | 'unreadable' | null>(null);
  const latest = useRef(0);
  const refresh = useCallback(async () => {
    latest.current += 1;
    const mine = latest.current;
    const read = await host.selection({ withEffects }).catch(() => 'unreadable' as const);
    // An editor that is busy answers an earlier question later.
    if (mine === latest.current) setSelection(read);
    return read;
  }, [host, withEffects]);
  useEffect(() => {
    void refresh();
    return host.watch(() => void refresh());
  }, [host, refresh]);
  return { selection, refresh };
}

/** Whether there is a file already; else the editor writes one when it is to be painted. */
export const isFile = (shot: Shot | null): shot is Shot => shot !== null && shot.source.path !== '';

/**
 * The answer to a question that is asked anew when one of `on` changes; null until there is one, and when the last one failed.
 * One is asked at a time, then the latest: who drags a slider asks faster than anybody answers.
 */
export function useAnswer<T>(ask: () => Promise<T | null>, on: readonly unknown[]): T | null {
  const [answer, setAnswer] = useState<T | null>(null);
  const { current: line } = useRef({ wanted: ask, asking: false, gone: false });
  useEffect(() => {
    const next = async (): Promise<void> => {
      const { wanted } = line;
      line.asking = true;
      const found = await wanted().catch(() => null);
      line.asking = false;
      if (line.gone) return;
      setAnswer(found);
      if (line.wanted !== wanted) void next();
    };
    line.wanted = ask;
    if (!line.asking) void next();
  }, on);
  useEffect(() => {
    line.gone = false;
    return () => {
      line.gone = true;
    };
  }, [line]);
  return answer;
}

export type Facts =
  { readonly kind: 'known'; readonly facts: SourceFacts } | { readonly kind: 'refused'; readonly trouble: Trouble };

/** More shots than this are painted without having been looked at. */
const LOOKED_AT = 12;

/** What the bridge sees of each shot's source; null until it has said, and for what an editor must write first. */
export function useFacts(connection: Connection, shots: readonly Shot[]): readonly (Facts | null)[] {
  const { state } = useConnection(connection);
  const sources = shots.slice(0, LOOKED_AT).map((shot) => (isFile(shot) ? sourceOf(shot) : null));
  const question = JSON.stringify(sources);
  const answer = useAnswer(async () => {
    const facts: (Facts | null)[] = [];
    for (const source of sources) facts.push(source && (await factsOf(connection, source)));
    return { question, facts };
  }, [connection, state.kind, question]);
  return shots.map((_, n) => (answer?.question === question ? (answer.facts[n] ?? null) : null));
}

async function factsOf(connection: Connection, source: RenderRequest['source']): Promise<Facts | null> {
  try {
    return { kind: 'known', facts: await connection.sourceFacts(source) };
  } catch (error) {
    return error instanceof Refused ? { kind: 'refused', trouble: troubleOf(error) } : null;
  }
}

/** Every model file that the bridge knows, asked again when it is back and when one was added; null until it has answered. */
export function useInstalled(connection: Connection): Installed | null {
  const { state } = useConnection(connection);
  const adding = useAdding(connection).length;
  const [installed, setInstalled] = useState<Installed | null>(null);
  useEffect(() => {
    let gone = false;
    if (state.kind === 'connected') void connection.models().then(({ models }) => gone || setInstalled(models));
    return () => {
      gone = true;
    };
  }, [connection, state.kind, adding]);
  return installed;
}

const HIDDEN = 'pentimento.hidden';
/** More than the panel ever knows of jobs. */
const KEPT = 1000;

/** The finished jobs that the user took off the list, and how to take more off. */
export function useHidden(memory: Memory): [readonly string[], (jobs: readonly string[]) => void] {
  const [hidden, setHidden] = useState(() => idsFrom(memory.getItem(HIDDEN)));
  const hide = (jobs: readonly string[]): void => {
    const all = [...jobs, ...hidden].slice(0, KEPT);
    memory.setItem(HIDDEN, JSON.stringify(all));
    setHidden(all);
  };
  return [hidden, hide];
}

function idsFrom(stored: string | null): readonly string[] {
  try {
    const ids: unknown = JSON.parse(stored ?? '[]');
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
  } catch {
    return [];
  }
}
