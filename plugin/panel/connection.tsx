import { useState } from 'react';
import type { Connection, ConnectionState } from '../bridge/connection.ts';
import { Disconnected, type ConnectionProblem } from '../bridge/problem.ts';
import { words } from '../words.ts';
import { Button, TextField } from './widgets.tsx';

/** In the place of everything else, until the bridge is there. */
export function ConnectionView({
  connection,
  state,
}: {
  readonly connection: Connection;
  readonly state: ConnectionState;
}) {
  if (state.kind !== 'problem') {
    return (
      <div className="empty">
        <div className="dim">{words.connection.looking}</div>
      </div>
    );
  }
  const { problem } = state;
  const { sentence, remedy } = words.connection[problem.kind];
  return (
    <div className="empty">
      <div className="strong">{sentence}</div>
      <div className="dim">{remedy}</div>
      {'taken' in problem && problem.taken.length > 0 ? (
        <div className="dim">{words.connection.ports(problem.taken.join(', '))}</div>
      ) : null}
      {problem.kind === 'not-paired' ? (
        <Pairing connection={connection} />
      ) : (
        <Button onPress={() => void connection.lookNow()}>{words.connection.again}</Button>
      )}
    </div>
  );
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

export function ConnectionLine({ problem }: { readonly problem: ConnectionProblem }) {
  const { sentence, remedy } = words.connection[problem.kind];
  return <div className="line">{`${sentence} ${remedy}`}</div>;
}
