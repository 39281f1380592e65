import { useState } from 'react';
import type { Selection, Shot } from '../host/host.ts';
import { missing, requestOf } from '../request.ts';
import { words } from '../words.ts';
import { Look } from './look.tsx';
import { ShotView } from './shot.tsx';
import { useChoices, useConnection, useSelection, type Desk } from './state.ts';
import { Button } from './widgets.tsx';

/** Select, choose, paint. */
export function Paint({ desk, onPainted }: { readonly desk: Desk; readonly onPainted: () => void }) {
  const { host, connection, renders, memory } = desk;
  const { state } = useConnection(connection);
  const { selection, refresh } = useSelection(host);
  const [choices, change] = useChoices(memory);
  const [sending, setSending] = useState(false);
  const shots = shotsIn(selection);
  const lacking = missing(choices);

  const paint = async (): Promise<void> => {
    setSending(true);
    // What is selected now, which need not be what was shown.
    const now = shotsIn(await refresh());
    for (const { name, shot } of now) renders.start(name, requestOf(shot, choices), shot.spot);
    setSending(false);
    if (now.length > 0) onPainted();
  };

  return (
    <>
      <div className="scroll" onMouseEnter={() => void refresh()}>
        <ShotView host={host} connection={connection} selection={selection} onSettings={change} />
        <Look host={host} connection={connection} choices={choices} change={change} />
      </div>
      <div className="foot">
        {lacking && shots.length > 0 ? <div className="dim hint">{words.paint.missing[lacking]}</div> : null}
        <Button
          kind="cta"
          wide
          disabled={shots.length === 0 || lacking !== null || sending || state.kind !== 'connected'}
          onPress={() => void paint()}
        >
          {words.paint.button(shots.length, framesOf(shots))}
        </Button>
      </div>
    </>
  );
}

type Named = { readonly name: string; readonly shot: Shot };

function shotsIn(selection: Selection | 'unreadable' | null): readonly Named[] {
  const clips = selection === null || selection === 'unreadable' ? [] : selection.clips;
  return clips.flatMap((clip) => (clip.usable ? [{ name: clip.name, shot: clip.shot }] : []));
}

function framesOf(shots: readonly Named[]): number | null {
  const { from, to } = shots[0]?.shot.source ?? { from: 0, to: null };
  return shots.length === 1 && to !== null ? to - from : null;
}
