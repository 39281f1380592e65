import { useState } from 'react';
import type { JobView } from '../../bridge-server/protocol/job.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Render, Renders } from '../renders.ts';
import { words } from '../words.ts';
import { JobCard, useAsked } from './job-card.tsx';
import { useHidden, type Desk } from './state.ts';
import { nameOf, styleText, versionText } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { QuietButton } from './widgets.tsx';

type Props = {
  readonly desk: Desk;
  readonly jobs: readonly JobView[];
  readonly renders: readonly Render[];
  readonly onCompare: (job: JobView) => void;
  readonly onSettings: (job: JobView) => void;
};

/** How many finished jobs are shown at once. */
const SHOWN = 20;

/** Every job of the install, whoever asked for it: what is done now, what comes next, what is finished. */
export function Queue({ desk, jobs, renders, onCompare, onSettings }: Props) {
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
  const card = (job: JobView) => (
    <JobCard
      key={job.id}
      desk={desk}
      job={job}
      render={renders.find((render) => render.job === job.id) ?? null}
      open={opened === job.id}
      onToggle={() => setOpen(opened === job.id ? '' : job.id)}
      onCompare={() => onCompare(job)}
      onSettings={() => onSettings(job)}
      onForget={() => hide([job.id])}
    />
  );
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
        {jobs.map(({ id, request, version }, n) => (
          <div className="row between wait" key={id}>
            <div className="about">
              <div className="name">{renders.find(({ job }) => job === id)?.name ?? nameOf(request.source.path)}</div>
              <div className="dim name">{`${styleText(request)}  ·  ${versionText(version)}`}</div>
            </div>
            <div className="row signs">
              <QuietButton
                title={words.queue.earlier}
                disabled={n === 0}
                onPress={() => ask(connection.move(id, jobs[n - 1]?.id ?? null))}
              >
                ↑
              </QuietButton>
              <QuietButton
                title={words.queue.later}
                disabled={n === jobs.length - 1}
                onPress={() => ask(connection.move(id, jobs[n + 2]?.id ?? null))}
              >
                ↓
              </QuietButton>
              <QuietButton title={words.queue.pause} onPress={() => ask(connection.pause(id))}>
                ‖
              </QuietButton>
              <QuietButton title={words.queue.cancel} onPress={() => ask(connection.cancel(id))}>
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
