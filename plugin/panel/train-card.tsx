import { useRef, useState } from 'react';
import type { TrainingView, TrainJobView } from '../../bridge-server/protocol/job.ts';
import type { Connection } from '../bridge/connection.ts';
import { lossColumns, trendOf } from '../training.ts';
import { words } from '../words.ts';
import { Graph } from './graph.tsx';
import { JobFrame, Strip, type CardProps } from './job-frame.tsx';
import { Picture } from './picture.tsx';
import { useAnswer } from './state.ts';
import { durationText, lossText } from './text.ts';
import { QuietButton } from './widgets.tsx';

/** A training that runs or has run: what it learns from, how well, and what it can do so far. */
export function TrainCard(
  props: CardProps<TrainJobView> & {
    /** Paints with what came of it. */
    readonly onUse: (lora: string) => void;
  },
) {
  const { connection, job, open, onUse } = props;
  const { state } = job;
  const done = state.state === 'done' ? state.result : null;
  return (
    <JobFrame
      {...props}
      thumb={
        done ? (
          <Picture ask={() => connection.examplePicture(job.id, 0, PICTURE)} on={[connection, job.id]} />
        ) : undefined
      }
      facts={
        done ? (
          <div className="dim name">{words.trained.result(done.examples, done.steps, durationText(done.seconds))}</div>
        ) : null
      }
      opens={state.state !== 'queued'}
      uses={done ? <QuietButton onPress={() => onUse(done.output)}>{words.trained.use}</QuietButton> : null}
    >
      {open ? <Lesson connection={connection} job={job} /> : null}
    </JobFrame>
  );
}

const PICTURE = 144;
const SAMPLE = 480;
const COLUMNS = 80;
/** Over so many columns goes the line through the losses. */
const TREND = 8;

function Lesson({ connection, job }: { readonly connection: Connection; readonly job: TrainJobView }) {
  const { state } = job;
  const progress = state.state === 'running' ? state.progress : null;
  const latest = useAnswer(
    () => connection.training(job.id),
    [connection, job.id, state.state, progress?.stage, progress?.done],
  );
  // What was there stays until there is more.
  const known = useRef<TrainingView | null>(null);
  known.current = latest ?? known.current;
  const view = known.current;
  if (!view) return <div className="dim">{words.trained.noLosses}</div>;
  const notes = state.state === 'done' ? state.result.notes : view.notes;
  return (
    <div>
      {view.losses.length > 0 ? <Losses view={view} /> : <div className="dim">{words.trained.noLosses}</div>}
      {view.samples.length > 0 ? <Samples key={view.samples.length} {...{ connection, job, view }} /> : null}
      {view.examples.length > 0 ? <Examples {...{ connection, job, view }} /> : null}
      {notes.map((note) => (
        <div className="dim" key={note}>
          {note}
        </div>
      ))}
      {state.state === 'done' ? <div className="path">{state.result.output}</div> : null}
    </div>
  );
}

function Losses({ view: { losses, samples } }: { readonly view: TrainingView }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const means = lossColumns(losses, COLUMNS);
  const trend = trendOf(
    means.map(({ value }) => value),
    TREND,
  );
  const last = losses.at(-1)!.step;
  const step = Math.min(chosen ?? last, last);
  const at = means.findIndex(({ from, to }) => step >= from && step < to);
  const most = Math.max(...means.map(({ value }) => value));
  return (
    <>
      <div className="label">{words.trained.losses}</div>
      <Graph
        columns={means.map((column, n) => ({ ...column, weak: false, mark: trend[n]! }))}
        from={1}
        to={last + 1}
        keys={samples.map((sample) => sample.step)}
        frame={step}
        scale={0}
        scaleText={lossText(most)}
        name={words.trained.lossesName(lossText(trend.at(-1)!))}
        onFrame={setChosen}
      />
      <div>{words.trained.lossAt(step, lossText(trend[at] ?? trend.at(-1)!))}</div>
      <div className="dim hint">{words.trained.lossesHint}</div>
    </>
  );
}

type PartProps = { readonly connection: Connection; readonly job: TrainJobView; readonly view: TrainingView };

/** What it painted meanwhile, the latest first to be seen. */
function Samples({ connection, job: { id }, view: { samples } }: PartProps) {
  const [chosen, setChosen] = useState(samples.length - 1);
  const sample = samples[chosen]!;
  return (
    <>
      <div className="label">{words.trained.samples}</div>
      <Picture
        className="preview sample"
        ask={() => connection.samplePicture(id, sample.step, SAMPLE)}
        on={[connection, id, sample.step]}
      />
      <div className="dim hint">{words.trained.sampleAt(sample.step)}</div>
      {samples.length > 1 ? (
        <Strip
          all={samples}
          chosen={chosen}
          onChoose={setChosen}
          titleOf={({ step }) => words.trained.sampleAt(step)}
          captionOf={({ step }) => step}
          pictureOf={({ step }) => (
            <Picture ask={() => connection.samplePicture(id, step, PICTURE)} on={[connection, id, step]} />
          )}
        />
      ) : null}
    </>
  );
}

/** What it is trained on, each with its caption. */
function Examples({ connection, job: { id }, view: { examples, size } }: PartProps) {
  const [chosen, setChosen] = useState(0);
  const example = examples[Math.min(chosen, examples.length - 1)]!;
  return (
    <>
      <div className="label">
        {[words.trained.examples(examples.length), ...(size ? [words.shot.size(size.width, size.height)] : [])].join(
          '  ·  ',
        )}
      </div>
      <Strip
        all={examples}
        chosen={chosen}
        onChoose={setChosen}
        titleOf={({ frame }) => words.queue.frame(frame)}
        captionOf={({ frame }) => frame}
        pictureOf={(_, n) => <Picture ask={() => connection.examplePicture(id, n, PICTURE)} on={[connection, id, n]} />}
      />
      <div className="dim">{example.caption}</div>
    </>
  );
}
