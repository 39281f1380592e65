import { useEffect, useRef } from 'react';
import type { Selection } from '../host/host.ts';
import { missing, randomSeed, type ShotChoices } from '../request.ts';
import { words } from '../words.ts';
import { useChoices, useMade, useShotChoices } from './choices.ts';
import { useHere } from './here.tsx';
import { KeyFrames } from './key-frames.tsx';
import { Finer, StyleView } from './look.tsx';
import type { NamedShot, Painting } from './painting.ts';
import { ShotView } from './shot.tsx';
import { useConnection, useFacts, useSelection, type Desk, type Facts } from './state.ts';
import { sizeText } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { Button, QuietButton } from './widgets.tsx';

/** Select, choose, paint. */
export function Paint(props: {
  readonly desk: Desk;
  readonly painting: Painting;
  readonly onPainted: () => void;
  /** Shows where models are added. */
  readonly onModels: () => void;
}) {
  const { desk, painting, onPainted, onModels } = props;
  const { host, connection, memory } = desk;
  const { state, jobs } = useConnection(connection);
  const [choices, change] = useChoices(memory);
  const { selection, refresh } = useSelection(host, choices.withEffects);
  const shotChoices = useShotChoices(memory);
  const { busy, trouble } = painting;

  const shots = shotsIn(selection);
  const shot = shots.length === 1 ? shots[0]!.shot : null;
  const facts = useFacts(
    connection,
    shots.map((one) => one.shot),
  );
  const known = shot && facts[0]?.kind === 'known' ? facts[0].facts : null;
  const here = useHere(host, shot, known);
  const own = shotChoices.of(shot);
  const changeOwn = (changes: Partial<ShotChoices>): void => shotChoices.change(shot, changes);
  const selected = selection === null || selection === 'unreadable' ? undefined : shot;
  const back = useMade(memory, selected, { choices, own }, (settings) => {
    change(settings.choices);
    changeOwn(settings.own);
  });
  const lacking = shots.map((one) => missing(choices, shotChoices.of(one.shot))).find(Boolean) ?? missing(choices);

  const shown = useRef(true);
  useEffect(() => {
    shown.current = true;
    return () => {
      shown.current = false;
    };
  }, []);
  const paint = async (): Promise<void> => {
    const { look } = choices;
    const next = choices.seedKept ? choices : { ...choices, look: { ...look, seed: randomSeed() } };
    if (next !== choices) change(next);
    // What is selected now, which need not be what was shown.
    const read = async (): Promise<readonly NamedShot[]> => shotsIn(await refresh());
    if ((await painting.start(read, next, shotChoices.of)) && shown.current) onPainted();
  };

  // Of what the editor has yet to write, nothing can be shown.
  const readable = shot?.source.path === '' ? null : shot;
  const single = { host, connection, shot: readable, here, choices, change, own, changeOwn };
  const path = shot?.source.path ?? '';
  return (
    <>
      <div className="scroll" onMouseEnter={() => void refresh()}>
        <ShotView
          {...{ host, connection, selection, facts, own, changeOwn }}
          withEffects={choices.withEffects}
          onEffects={(withEffects) => change({ withEffects })}
          onBack={back}
        />
        <StyleView {...{ host, connection, memory, choices, change, onModels }} />
        {choices.style === 'own' ? null : (
          <KeyFrames key={path} {...single} exported={shot !== null && readable === null} facts={known} jobs={jobs} />
        )}
        <Finer {...single} memory={memory} />
      </div>
      <div className="foot">
        {lacking && shots.length > 0 ? <div className="dim hint">{words.paint.missing[lacking]}</div> : null}
        {trouble ? <TroubleView {...trouble} /> : null}
        {busy && busy.bytes !== null ? (
          <div className="row between">
            <div className="dim">{words.paint.preparing(busy.name, sizeText(busy.bytes))}</div>
            <QuietButton onPress={busy.stop}>{words.paint.cancel}</QuietButton>
          </div>
        ) : null}
        <Button
          kind="cta"
          wide
          disabled={shots.length === 0 || lacking !== null || busy !== null || state.kind !== 'connected'}
          onPress={() => void paint()}
        >
          {words.paint.button(shots.length, framesOf(shots, facts))}
        </Button>
      </div>
    </>
  );
}

function shotsIn(selection: Selection | 'unreadable' | null): readonly NamedShot[] {
  const clips = selection === null || selection === 'unreadable' ? [] : selection.clips;
  return clips.flatMap((clip) => (clip.usable ? [{ name: clip.name, shot: clip.shot }] : []));
}

/** How many there are in all; null where nobody tells. */
function framesOf(shots: readonly NamedShot[], facts: readonly (Facts | null)[]): number | null {
  const counts = shots.map(({ shot: { source } }, n) => {
    const seen = facts[n];
    const to = source.to ?? (seen?.kind === 'known' ? seen.facts.to : null);
    return to === null ? null : to - source.from;
  });
  return counts.reduce((sum, count) => (sum === null || count === null ? null : sum + count), 0) || null;
}
