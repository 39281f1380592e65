import { useState } from 'react';
import type { JobView, RenderJobView, TrainJobView } from '../../bridge-server/protocol/job.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Render, Renders } from '../renders.ts';
import { words } from '../words.ts';
import { JobCard } from './job-card.tsx';
import { useAsked } from './job-frame.tsx';
import { useHidden, type Desk } from './state.ts';
import { aboutText, nameOfJob } from './text.ts';
import { TrainCard } from './train-card.tsx';
import { TroubleView } from './trouble.tsx';
import { QuietButton } from './widgets.tsx';

type Props = {
  readonly desk: Desk;
  readonly jobs: readonly JobView[];
  readonly renders: readonly Render[];
  readonly onCompare: (job: RenderJobView) => void;
  /** Brings back what made it. */
  readonly onSettings: (job: JobView) => void;
  /** Paints with the LoRA that came of it. */
  readonly onUse: (job: TrainJobView, lora: string) => void;
};

/** How many finished jobs are shown at once. */
const SHOWN = 20;

/** Every job of the install, whoever asked for it: what is done now, what comes next, what is finished. */
export function Queue({ desk, jobs, renders, onCompare, onSettings, onUse }: Props) {
  const [hidden, hide] = useHidden(desk.memory);
  const [open, setOpen] = useState<string | null>(null);
  const [shown, setShown] = useState(SHOWN);
  const { now, next, finished } = sorted(jobs.filter(({ id }) => !hidden.includes(id)));
  const sending = renders.filter(({ job, end }) => job === null || (end.kind === 'stopped' && !known(jobs, job)));
  const opened = open ?? finished.find(({ state }) => state.state === 'done')?.id ?? null;
  if (now.length + next.length + finished.length + sending.length === 0) {
    return (
      <div className="empty">
        <div className="strong">{words.queue.empty}</div>
        <div className="dim">{words.queue.emptyHint}</div>
      </div>
    );
  }
  const card = (job: JobView) => {
    const common = {
      connection: desk.connection,
      open: opened === job.id,
      onToggle: () => setOpen(opened === job.id ? '' : job.id),
      onSettings: () => onSettings(job),
      onForget: () => hide([job.id]),
    };
    if (job.kind === 'train') {
      return <TrainCard key={job.id} {...common} job={job} onUse={(lora) => onUse(job, lora)} />;
    }
    const render = renders.find((one) => one.job === job.id) ?? null;
    return (
      <JobCard key={job.id} {...common} {...{ job, render }} renders={desk.renders} onCompare={() => onCompare(job)} />
    );
  };
  return (
    <div className="scroll">
      {sending.map((render) => (
        <Unsent key={render.key} render={render} renders={desk.renders} />
      ))}
      {now.length > 0 ? (
        <div className="section">
          <div className="title">{words.queue.sections.now}</div>
          {now.map(card)}
        </div>
      ) : null}
      {next.length > 0 ? <Waiting connection={desk.connection} jobs={next} renders={renders} /> : null}
      {finished.length > 0 ? (
        <div className="section">
          <div className="row between">
            <div className="title">{words.queue.sections.finished}</div>
            <QuietButton title={words.queue.forgetHint} onPress={() => hide(finished.map(({ id }) => id))}>
              {words.queue.clear}
            </QuietButton>
          </div>
          {finished.slice(0, shown).map(card)}
          {finished.length > shown ? (
            <QuietButton onPress={() => setShown(shown + SHOWN)}>
              {words.queue.more(Math.min(SHOWN, finished.length - shown))}
            </QuietButton>
          ) : null}
        </div>
      ) : null}
    </div>
  );
}

const known = (jobs: readonly JobView[], id: string | null): boolean => jobs.some((job) => job.id === id);

function sorted(jobs: readonly JobView[]) {
  const inStates = (...states: readonly JobView['state']['state'][]) =>
    jobs.filter(({ state }) => states.includes(state.state));
  return {
    now: inStates('running', 'paused', 'interrupted'),
    next: inStates('queued').sort((a, b) => (a.place ?? 0) - (b.place ?? 0)),
    finished: inStates('done', 'failed', 'cancelled'),
  };
}

/** What waits, in the order in which it will be painted; the order can be changed. */
function Waiting(props: {
  readonly connection: Connection;
  readonly jobs: readonly JobView[];
  readonly renders: readonly Render[];
}) {
  const { connection, jobs, renders } = props;
  const [refused, ask] = useAsked();
  return (
    <div className="section">
      <div className="title">{`${words.queue.sections.next}  ·  ${jobs.length}`}</div>
      <div className="card rows">
        {jobs.map((job, n) => (
          <div className="row between wait" key={job.id}>
            <div className="about">
              <div className="name">{renders.find((render) => render.job === job.id)?.name ?? nameOfJob(job)}</div>
              <div className="dim name">{aboutText(job)}</div>
            </div>
            <div className="row signs">
              <QuietButton
                title={words.queue.earlier}
                disabled={n === 0}
                onPress={() => ask(connection.move(job.id, jobs[n - 1]?.id ?? null))}
              >
                ↑
              </QuietButton>
              <QuietButton
                title={words.queue.later}
                disabled={n === jobs.length - 1}
                onPress={() => ask(connection.move(job.id, jobs[n + 2]?.id ?? null))}
              >
                ↓
              </QuietButton>
              <QuietButton title={words.queue.pause} onPress={() => ask(connection.pause(job.id))}>
                ‖
              </QuietButton>
              <QuietButton title={words.queue.cancel} onPress={() => ask(connection.cancel(job.id))}>
                ×
              </QuietButton>
            </div>
          </div>
        ))}
      </div>
      {refused ? <TroubleView sentence={refused.message} remedy={refused.remedy} /> : null}
    </div>
  );
}

/** Not in the bridge's list: still on its way there, or refused. */
function Unsent({ render, renders }: { readonly render: Render; readonly renders: Renders }) {
  const { end, key } = render;
  return (
    <div className="card job">
      <div className="row between">
        <div className="strong name">{render.name}</div>
        <div className="dim">{end.kind === 'stopped' ? words.queue.states.refused : words.queue.states.sending}</div>
      </div>
      {end.kind === 'stopped' ? (
        <>
          <TroubleView sentence={end.sentence} remedy={end.remedy} />
          <div className="row actions">
            <QuietButton onPress={() => renders.forget(key)}>{words.queue.forget}</QuietButton>
          </div>
        </>
      ) : null}
    </div>
  );
}
