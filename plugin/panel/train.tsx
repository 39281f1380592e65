import { useState } from 'react';
import { ofKind } from '../installed.ts';
import { NO_SHOT_CHOICES } from '../request.ts';
import { clipsOf, COUNTS, LENGTHS, missingFor, trainRequestOf, withSteps } from '../training.ts';
import { words } from '../words.ts';
import { useChoices, useTraining } from './choices.ts';
import { Foot, useShown } from './foot.tsx';
import { shotsIn, type Handover } from './handover.ts';
import { ModelChoice } from './model-choice.tsx';
import { ShotView } from './shot.tsx';
import { isFile, useConnection, useFacts, useInstalled, useSelection, type Desk } from './state.ts';
import { CostView, useCost } from './train-cost.tsx';
import { TrainFiner } from './train-finer.tsx';
import { Frames } from './train-frames.tsx';
import { Place } from './train-place.tsx';
import { Button, Choice, Disclosure, TextField } from './widgets.tsx';

type Props = {
  readonly desk: Desk;
  readonly handover: Handover;
  readonly onStarted: () => void;
  /** Shows where models are added. */
  readonly onModels: () => void;
};

/** A LoRA of what the selected clips show: select, name, train. */
export function Train(props: Props) {
  const installed = useInstalled(props.desk.connection);
  if (!installed) return <div className="scroll" />;
  if (ofKind(installed, 'checkpoint').length > 0) return <Lesson {...props} installed={installed} />;
  return (
    <div className="empty">
      <div className="strong">{words.style.noModel}</div>
      <div className="dim">{words.train.noModel}</div>
      <Button onPress={props.onModels}>{words.style.addModel}</Button>
    </div>
  );
}

function Lesson(props: Props & { readonly installed: NonNullable<ReturnType<typeof useInstalled>> }) {
  const { desk, handover, onStarted, onModels, installed } = props;
  const { host, connection, memory } = desk;
  const { state } = useConnection(connection);
  const [{ withEffects }, changeChoices] = useChoices(memory);
  const { selection, refresh } = useSelection(host, withEffects);
  const [training, change] = useTraining(memory);
  const [finer, setFiner] = useState(false);
  const shots = shotsIn(selection);
  const only = shots.map(({ shot }) => shot);
  const facts = useFacts(connection, only);
  const clips = clipsOf(training, only);
  const lacking = missingFor(training, clips);
  // What an editor has yet to write, nobody can look at.
  const readable = clips.length > 0 && only.every(isFile);
  const cost = useCost(connection, readable && lacking === null ? trainRequestOf(training, clips) : null);
  const shown = useShown();
  const start = async (): Promise<void> => {
    const handed = await handover.start('train', async (prepare) => {
      const prepared = [];
      for (const one of shotsIn(await refresh())) prepared.push(await prepare(one));
      if (prepared.length === 0) return false;
      await connection.train(crypto.randomUUID(), trainRequestOf(training, clipsOf(training, prepared)));
      return true;
    });
    if (handed && shown.current) onStarted();
  };
  const { settings, trigger, caption, count } = training;
  const { train } = words;
  return (
    <>
      <div className="scroll" onMouseEnter={() => void refresh()}>
        <ShotView
          {...{ host, connection, selection, facts, withEffects }}
          own={NO_SHOT_CHOICES}
          changeOwn={() => undefined}
          onEffects={(on) => changeChoices({ withEffects: on })}
          onBack={null}
        />
        <div className="section">
          <div className="dim hint">{train.hint}</div>
          <TextField
            label={train.trigger}
            placeholder={train.triggerHint}
            value={trigger}
            onChange={(next) => change({ trigger: next })}
          />
          <ModelChoice
            {...{ installed, onModels }}
            value={training.model}
            onChange={({ path }) => change({ model: path })}
          />
          <Choice
            label={train.count}
            value={String(count)}
            options={proposals(COUNTS, count, train.counts)}
            onChange={(value) => change({ count: Number(value) })}
          />
          <Choice
            label={train.steps}
            value={String(settings.steps)}
            options={proposals(LENGTHS, settings.steps, train.lengths)}
            onChange={(value) => change(withSteps(training, Number(value)))}
          />
          {shots.length > 0 ? <Place {...{ host, connection, shots, facts, training, change }} /> : null}
          <TextField
            label={train.caption}
            placeholder={train.captionHint}
            value={caption}
            onChange={(next) => change({ caption: next })}
          />
          <div className="dim hint">{train.captionAbout}</div>
          {readable ? <Frames {...{ connection, shots, facts, clips, training, change }} /> : null}
          {readable && lacking === null ? <CostView cost={cost} /> : null}
          <Disclosure
            title={train.more.title}
            summary={train.more.summary(settings.rank, settings.rate)}
            open={finer}
            onToggle={() => setFiner(!finer)}
          >
            <TrainFiner {...{ host, training, change }} />
          </Disclosure>
        </div>
      </div>
      <Foot
        of="train"
        handover={handover}
        lacking={lacking && shots.length > 0 ? train.missing[lacking] : null}
        disabled={shots.length === 0 || cost?.kind === 'refused' || state.kind !== 'connected'}
        onPress={() => void start()}
      >
        {train.start(shots.length)}
      </Foot>
    </>
  );
}

/** The usual numbers under their names, and the one that is chosen where it is another. */
function proposals<N extends number>(
  usual: readonly N[],
  chosen: number,
  names: Readonly<Record<N, string>> & { readonly own: (value: number) => string },
): { readonly value: string; readonly name: string }[] {
  const all = usual.map((value) => ({ value: String(value), name: names[value] }));
  const isUsual = usual.some((value) => value === chosen);
  return isUsual ? all : [...all, { value: String(chosen), name: names.own(chosen) }];
}
