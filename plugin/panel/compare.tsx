import { useEffect, useState } from 'react';
import type { RenderJobView, ReportView } from '../../bridge-server/protocol/job.ts';
import type { Spot, Version } from '../host/host.ts';
import type { Render } from '../renders.ts';
import type { Trouble } from '../trouble.ts';
import {
  around,
  columnsOf,
  flickerOf,
  isDone,
  keyToAdd,
  spanAt,
  versionsOf,
  withKey,
  type DoneJob,
} from '../versions.ts';
import { words } from '../words.ts';
import { BeforeAfter, MODES, type Mode, type Side } from './before-after.tsx';
import { Graph } from './graph.tsx';
import { useAnswer, type Desk } from './state.ts';
import { levelsText, nameOf, styleText, versionText } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { Button, Choice, Pressable, QuietButton, Slider } from './widgets.tsx';

type Props = {
  readonly desk: Desk;
  readonly job: RenderJobView;
  readonly jobs: readonly RenderJobView[];
  readonly renders: readonly Render[];
  readonly onBack: () => void;
  /** Another version is to be looked at. */
  readonly onJob: (job: string) => void;
};

/** A shot beside what it was or what it was before: frame by frame, with where it is weak and what helps. */
export function Compare({ desk, job, jobs, renders, onBack, onJob }: Props) {
  const { connection } = desk;
  const [mode, setMode] = useState<Mode>('wipe');
  const [against, setAgainst] = useState<string>(SOURCE);
  const [chosen, setFrame] = useState<number | null>(null);
  const [playing, setPlaying] = useState(false);
  const done = isDone(job);
  const report = useAnswer(
    () => (done ? connection.report(job.id) : Promise.resolve(null)),
    [connection, job.id, done],
  );
  const facts = useAnswer(() => connection.sourceFacts(job.request.source), [connection, job.id]);
  const versions = versionsOf(job, jobs);
  const sides = done || versions.some(({ id }) => id === job.id) ? versions : [...versions, job];
  const name = (one: RenderJobView): string => words.compare.version(versionText(one.version), styleText(one.request));
  const other = versions.find(({ id }) => id === against && id !== job.id);
  const before: Side = other
    ? { name: name(other), job: other.id, of: 'result' }
    : { name: words.compare.source, job: job.id, of: 'source' };
  const [from, to] = report ? [report.from, report.to] : rangeOf(job, facts);
  const frame = Math.min(to - 1, Math.max(from, chosen ?? report?.worst[0]?.peak ?? Math.floor((from + to - 1) / 2)));
  useEffect(() => {
    if (!playing) return;
    // At the clip's own pace: what does not come in time is left out.
    const { num, den } = facts?.rate ?? USUAL_RATE;
    const next = setTimeout(() => setFrame(frame + 1 < to ? frame + 1 : from), (1000 * den) / num);
    return () => clearTimeout(next);
  }, [playing, frame, from, to, facts]);
  const spot = versions.map(({ id }) => desk.renders.spotOf(id)).find((one) => one !== null) ?? null;
  const beside = { before: frame > from ? frame - 1 : null, after: frame < to - 1 ? frame + 1 : null };
  const keys = done ? job.state.result.keys.map((key) => key.frame) : [];
  return (
    <div className="scroll compare">
      <div className="row between">
        <QuietButton onPress={onBack}>{words.compare.back}</QuietButton>
        <div className="strong name">
          {renders.find((render) => render.job === job.id)?.name ?? nameOf(job.request.source.path)}
        </div>
      </div>
      <div className="row sides">
        <Choice
          label={words.compare.before}
          value={other?.id ?? SOURCE}
          options={[
            { value: SOURCE, name: words.compare.source },
            ...versions.filter(({ id }) => id !== job.id).map((one) => ({ value: one.id, name: name(one) })),
          ]}
          onChange={setAgainst}
        />
        <Choice
          label={words.compare.after}
          value={job.id}
          options={sides.map((one) => ({ value: one.id, name: name(one) }))}
          onChange={onJob}
        />
      </div>
      <div className="row modes">
        {MODES.map((one) => (
          <Pressable
            key={one}
            className={one === mode ? 'mode chosen' : 'mode'}
            pressed={one === mode}
            onPress={() => setMode(one)}
          >
            {words.compare.modes[one]}
          </Pressable>
        ))}
      </div>
      <BeforeAfter
        connection={connection}
        mode={mode}
        before={before}
        after={{ name: name(job), job: job.id, of: 'result' }}
        frame={frame}
        grown={grownOf(job)}
      />
      <Slider
        key={`${from} ${to}`}
        label={words.compare.frame}
        value={frame}
        least={from}
        most={to - 1}
        show={String}
        onChange={setFrame}
      />
      <div className="row steps">
        <Step kind="key" side="before" stops={around(keys, frame)} onFrame={setFrame} />
        <Step kind="frame" side="before" stops={beside} onFrame={setFrame} />
        <QuietButton onPress={() => setPlaying(!playing)}>
          {playing ? words.compare.stop : words.compare.play}
        </QuietButton>
        <Step kind="frame" side="after" stops={beside} onFrame={setFrame} />
        <Step kind="key" side="after" stops={around(keys, frame)} onFrame={setFrame} />
      </div>
      {report && done ? (
        <Weak {...{ desk, job, report, spot, keys, frame }} onFrame={setFrame} onFixed={onBack} />
      ) : done ? null : (
        <div className="dim hint">{words.compare.noReport.running}</div>
      )}
      {done && spot ? <OnTimeline {...{ desk, job, spot, versions, renders }} /> : null}
    </div>
  );
}

const SOURCE = 'source';
/** Until the clip's own is known. */
const USUAL_RATE = { num: 24, den: 1 };

/** The frames [from, to) of a job, as far as anything tells. */
function rangeOf(job: RenderJobView, facts: { readonly to: number } | null): [number, number] {
  const { from, to } = job.request.source;
  if (to !== null) return [from, to];
  if (isDone(job)) return [from, from + job.state.result.frames];
  return [from, Math.max(from + 1, facts?.to ?? 0)];
}

/** Grows while a job runs: pictures that were not there may be there. */
const grownOf = ({ state }: RenderJobView): number => (state.state === 'running' ? (state.progress?.done ?? 0) : 0);

type Stops = { readonly before: number | null; readonly after: number | null };

/** To a neighbour of the frame, where there is one. */
function Step(props: {
  readonly kind: keyof typeof words.compare.steps;
  readonly side: keyof Stops;
  readonly stops: Stops;
  readonly onFrame: (frame: number) => void;
}) {
  const { kind, side, stops, onFrame } = props;
  const stop = stops[side];
  const name = words.compare.steps[kind][side];
  return (
    <QuietButton title={name} disabled={stop === null} onPress={() => stop !== null && onFrame(stop)}>
      {kind === 'key' ? name : side === 'before' ? '‹' : '›'}
    </QuietButton>
  );
}

const COLUMNS = 96;
/** In levels of 255: what nobody sees does not fill the graph. */
const LEAST_SCALE = 8;

type Metric = keyof typeof words.compare.graph;

/** Where the result is weak, and one more key where it is. */
function Weak(props: {
  readonly desk: Desk;
  readonly job: DoneJob;
  readonly report: ReportView;
  /** Where the next version goes. */
  readonly spot: Spot | null;
  readonly keys: readonly number[];
  readonly frame: number;
  readonly onFrame: (frame: number) => void;
  readonly onFixed: () => void;
}) {
  const { desk, job, report, spot, keys, frame, onFrame, onFixed } = props;
  const { from, to, expectedErrors: errors, worst } = report;
  const [metric, setMetric] = useState<Metric>('error');
  const flicker = flickerOf(report);
  const metrics = (['error', 'flicker'] as const).filter((one) => (one === 'error' ? errors : flicker).length > 0);
  const shown = metrics.includes(metric) ? metric : metrics[0];
  if (shown === undefined) return <div className="dim hint">{words.compare.noReport.done}</div>;
  const values = shown === 'error' ? errors : flicker.map(({ result }) => result);
  const marks =
    shown === 'error'
      ? null
      : columnsOf(
          flicker.map(({ source }) => source),
          from,
          COLUMNS,
        );
  const columns = columnsOf(values, from, COLUMNS).map((column, n) => ({
    ...column,
    weak: shown === 'error' && worst.some((span) => span.from < column.to && span.to > column.from),
    mark: marks?.[n]?.value ?? null,
  }));
  const most = Math.max(...values);
  const peaks = around(
    [...worst.map(({ peak }) => peak)].sort((a, b) => a - b),
    frame,
  );
  const add = keyToAdd(report, frame);
  const request = withKey(job, add);
  const own = job.request.keys.kind === 'images';
  const fix = (): void => {
    desk.renders.start(nameOf(job.request.source.path), request!, spot);
    onFixed();
  };
  return (
    <>
      <div className="row between">
        {metrics.length > 1 ? (
          <div className="row modes">
            {metrics.map((one) => (
              <Pressable
                key={one}
                className={one === shown ? 'mode chosen' : 'mode'}
                pressed={one === shown}
                onPress={() => setMetric(one)}
              >
                {words.compare.graph[one]}
              </Pressable>
            ))}
          </div>
        ) : (
          <div className="label">{words.compare.graph[shown]}</div>
        )}
      </div>
      <Graph
        {...{ columns, from, to, keys, frame, onFrame }}
        name={words.compare.graphName(words.compare.graph[shown], levelsText(most))}
        scale={LEAST_SCALE}
        scaleText={words.compare.levels(levelsText(Math.max(LEAST_SCALE, most)))}
      />
      <div>
        {keys.includes(frame)
          ? words.compare.atKey(frame)
          : words.compare.atFrame(frame, levelsText(values[frame - from] ?? 0))}
      </div>
      <div className="dim hint">{words.compare.graphHint[shown]}</div>
      {worst.length > 0 ? (
        <>
          <div className="row between">
            <div className="dim">{words.compare.weakest}</div>
            <div className="row signs">
              <Step kind="worst" side="before" stops={peaks} onFrame={onFrame} />
              <Step kind="worst" side="after" stops={peaks} onFrame={onFrame} />
            </div>
          </div>
          <div className="row chips">
            {worst.map((span) => (
              <Pressable
                key={span.from}
                className={spanAt([span], frame) ? 'chip chosen' : 'chip'}
                pressed={spanAt([span], frame) !== null}
                onPress={() => onFrame(span.peak)}
              >
                {`${words.compare.span(span.from, span.to - 1)}  ·  ${levelsText(span.error)}`}
              </Pressable>
            ))}
          </div>
        </>
      ) : null}
      {own ? (
        <div className="dim hint">{words.compare.fixHint.own}</div>
      ) : (
        <div className="section">
          <Button wide disabled={request === null} onPress={fix}>
            {words.compare.fix(add)}
          </Button>
          <div className="dim hint">{words.compare.fixHint.weak}</div>
        </div>
      )}
    </>
  );
}

/** Which version lies on the timeline, and this one in its place. */
function OnTimeline(props: {
  readonly desk: Desk;
  readonly job: DoneJob;
  readonly spot: Spot;
  readonly versions: readonly DoneJob[];
  readonly renders: readonly Render[];
}) {
  const { desk, job, spot, versions, renders } = props;
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const placed = useAnswer(() => desk.host.versions(spot), [desk.host, job.id, renders]);
  if (placed === null) return null;
  const lying = placed.filter(({ where }) => where !== null);
  const mine = lying.find((version) => version.job === job.id);
  if (mine?.where) return <div className="good">{words.queue.placed(mine.where)}</div>;
  const there = lying.at(-1);
  const by: Version = { job: job.id, path: job.state.result.output, request: job.request, spot };
  const named = (id: string): string => versionText(versions.find((one) => one.id === id)?.version ?? 0);
  const swap = async (): Promise<void> => setTrouble(await desk.renders.swap(there!, by));
  return (
    <div className="section">
      {there ? (
        <>
          <div className="dim hint">{words.compare.timeline(named(there.job))}</div>
          <Button wide onPress={() => void swap()}>
            {words.compare.swap(versionText(job.version))}
          </Button>
        </>
      ) : null}
      {trouble ? <TroubleView {...trouble} /> : null}
    </div>
  );
}
