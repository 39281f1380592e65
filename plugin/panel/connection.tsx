import { useEffect, useState } from 'react';
import type { Connection, ConnectionState } from '../bridge/connection.ts';
import { Disconnected, type ConnectionProblem } from '../bridge/problem.ts';
import { words } from '../words.ts';
import type { Desk } from './state.ts';
import { Button, QuietButton, TextField } from './widgets.tsx';

/** In the place of everything else, until the bridge is there. */
export function ConnectionView({ desk, state }: { readonly desk: Desk; readonly state: ConnectionState }) {
  const { connection } = desk;
  const starting = useStarting(desk);
  if (state.kind !== 'problem' || starting.kind === 'waiting') {
    return (
      <div className="empty">
        <div className="dim">{starting.kind === 'waiting' ? words.connection.starting : words.connection.looking}</div>
      </div>
    );
  }
  const { problem } = state;
  const canStart = problem.kind === 'not-running' && desk.startBridge !== null;
  const { sentence, remedy } = words.connection[canStart && starting.kind === 'failed' ? 'notStarted' : problem.kind];
  return (
    <div className="empty">
      <div className="strong">{sentence}</div>
      <div className="dim">{remedy}</div>
      {'taken' in problem && problem.taken.length > 0 ? (
        <div className="dim">{words.connection.ports(problem.taken.join(', '))}</div>
      ) : null}
      {canStart ? (
        <Button kind="cta" onPress={starting.start}>
          {words.connection.start}
        </Button>
      ) : problem.kind === 'not-paired' ? (
        <Pairing connection={connection} />
      ) : (
        <Button onPress={() => void connection.lookNow()}>{words.connection.again}</Button>
      )}
    </div>
  );
}

/** How often the bridge is looked for after the system was asked to start it, and for how long. */
const LOOK_MS = 500;
const START_MS = 20_000;

/** Asks the system to start the bridge, which tells nothing, and looks whether it comes. */
function useStarting({ connection, startBridge }: Desk) {
  const [kind, setKind] = useState<'idle' | 'waiting' | 'failed'>('idle');
  useEffect(() => {
    if (kind !== 'waiting') return;
    let soon: ReturnType<typeof setTimeout>;
    // One look after the other: they take their time where nobody answers.
    const look = (): void => {
      const { state } = connection;
      if (state.kind === 'looking') return;
      if (state.kind === 'connected' || state.problem.kind !== 'not-running') return setKind('idle');
      clearTimeout(soon);
      soon = setTimeout(() => void connection.lookNow(), LOOK_MS);
    };
    const stop = connection.onChange(look);
    const late = setTimeout(() => setKind('failed'), START_MS);
    look();
    return () => {
      stop();
      clearTimeout(soon);
      clearTimeout(late);
    };
  }, [connection, kind]);
  const start = (): void => {
    setKind('waiting');
    startBridge?.().then(
      (asked) => asked || setKind('failed'),
      () => setKind('failed'),
    );
  };
  return { kind, start };
}

function Pairing({ connection }: { readonly connection: Connection }) {
  const [code, setCode] = useState('');
  const [refused, setRefused] = useState<ConnectionProblem | null>(null);
  const pair = (): void => {
    connection.pair(code).catch((error: unknown) => {
      if (!(error instanceof Disconnected)) throw error;
      setRefused(error.problem);
    });
  };
  return (
    <div className="pairing">
      <TextField label={words.connection.code} value={code} placeholder="XXXX-XXXX" onChange={setCode} />
      {refused ? (
        <div className="warning">{`${words.connection[refused.kind].sentence} ${words.connection[refused.kind].remedy}`}</div>
      ) : null}
      <Button kind="cta" wide disabled={code.trim() === ''} onPress={pair}>
        {words.connection.pair}
      </Button>
    </div>
  );
}

/** Above what is known, while the bridge is away. */
export function ConnectionLine({ desk, problem }: { readonly desk: Desk; readonly problem: ConnectionProblem }) {
  const starting = useStarting(desk);
  const canStart = problem.kind === 'not-running' && desk.startBridge !== null;
  const said = canStart && starting.kind === 'failed' ? 'notStarted' : problem.kind;
  const { sentence, remedy } = words.connection[said];
  return (
    <div className="line">
      <div>{starting.kind === 'waiting' ? words.connection.starting : `${sentence} ${remedy}`}</div>
      {canStart && starting.kind !== 'waiting' ? (
        <QuietButton onPress={starting.start}>{words.connection.start}</QuietButton>
      ) : null}
    </div>
  );
}
