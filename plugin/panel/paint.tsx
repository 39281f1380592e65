import { useMemo } from 'react';
import { missing, randomSeed, requestOf, type ShotChoices } from '../request.ts';
import { isRender } from '../versions.ts';
import { words } from '../words.ts';
import { useChoices, useMade, useShotChoices } from './choices.ts';
import { Foot, useShown } from './foot.tsx';
import { shotsIn, type Handover, type NamedShot } from './handover.ts';
import { useHere } from './here.tsx';
import { KeyFrames } from './key-frames.tsx';
import { Finer, StyleView } from './look.tsx';
import { ShotView } from './shot.tsx';
import { useConnection, useFacts, useSelection, type Desk, type Facts } from './state.ts';

/** Select, choose, paint. */
export function Paint(props: {
  readonly desk: Desk;
  readonly handover: Handover;
  readonly onPainted: () => void;
  /** Shows where models are added. */
  readonly onModels: () => void;
}) {
  const { desk, handover, onPainted, onModels } = props;
  const { host, connection, memory, renders } = desk;
  const { state, jobs } = useConnection(connection);
  const renderJobs = useMemo(() => jobs.filter(isRender), [jobs]);
  const [choices, change] = useChoices(memory);
  const { selection, refresh } = useSelection(host, choices.withEffects);
  const shotChoices = useShotChoices(memory);

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

  const shown = useShown();
  const paint = async (): Promise<void> => {
    const { look } = choices;
    const next = choices.seedKept ? choices : { ...choices, look: { ...look, seed: randomSeed() } };
    if (next !== choices) change(next);
    const handed = await handover.start('paint', async (prepare) => {
      // What is selected now, which need not be what was shown.
      const read = shotsIn(await refresh());
      for (const one of read) {
        const prepared = await prepare(one);
        renders.start(one.name, requestOf(prepared, next, shotChoices.of(one.shot)), prepared.spot);
      }
      return read.length > 0;
    });
    if (handed && shown.current) onPainted();
  };

  // Of what the editor has yet to write, nothing can be shown.
  const readable = shot?.source.path === '' ? null : shot;
  const single = { host, connection, shot: readable, facts: known, here, choices, change, own, changeOwn };
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
          <KeyFrames key={path} {...single} exported={shot !== null && readable === null} jobs={renderJobs} />
        )}
        <Finer {...single} memory={memory} />
      </div>
      <Foot
        of="paint"
        handover={handover}
        lacking={lacking && shots.length > 0 ? words.paint.missing[lacking] : null}
        disabled={shots.length === 0 || lacking !== null || state.kind !== 'connected'}
        onPress={() => void paint()}
      >
        {words.paint.button(shots.length, framesOf(shots, facts))}
      </Foot>
    </>
  );
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
