import { useState, type ReactNode } from 'react';
import type { JobView } from '../../bridge-server/protocol/job.ts';
import type { Connection } from '../bridge/connection.ts';
import { Refused } from '../bridge/problem.ts';
import { words } from '../words.ts';
import { usePreview } from './state.ts';
import { aboutText, durationText, lossText, nameOfJob, rateOf } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { Pressable, ProgressBar, QuietButton } from './widgets.tsx';

/** What every card of a job is told. */
export type CardProps<Job extends JobView> = {
  readonly connection: Connection;
  readonly job: Job;
  readonly open: boolean;
  readonly onToggle: () => void;
  /** Brings back what made it. */
  readonly onSettings: () => void;
  readonly onForget: () => void;
};

/** What every card of a job has: what it is, how far it is, what went wrong, and what can be done about it. */
export function JobFrame(
  props: CardProps<JobView> & {
    readonly name?: string | undefined;
    readonly thumb?: ReactNode;
    /** What came of it, or where it comes from: in a line or two. */
    readonly facts: ReactNode;
    /** Whether there is something to open. */
    readonly opens: boolean;
    /** What can be done with what there is of it. */
    readonly uses: ReactNode;
    readonly children: ReactNode;
  },
) {
  const { connection, job, name, thumb, facts, opens, uses, open, onToggle, onSettings, onForget, children } = props;
  const { state } = job;
  const [refused, ask] = useAsked();
  const waits = state.state === 'paused' || state.state === 'interrupted' || state.state === 'cancelled';
  const over = isOver(job);
  return (
    <div className="card job">
      <div className="row">
        {thumb ? <div className="thumb">{thumb}</div> : null}
        <div className="about">
          <div className="row between">
            <div className="strong name">{name ?? nameOfJob(job)}</div>
            <div className={`tag ${state.state}`}>{words.queue.states[state.state]}</div>
          </div>
          <div className="dim name">{aboutText(job)}</div>
          {facts}
        </div>
      </div>
      {state.state === 'running' || state.state === 'paused' ? <Progress connection={connection} job={job} /> : null}
      {state.state === 'interrupted' ? <div className="dim">{words.queue.interrupted}</div> : null}
      {state.state === 'failed' ? <TroubleView sentence={state.error.message} remedy={state.error.remedy} /> : null}
      {refused ? <TroubleView sentence={refused.message} remedy={refused.remedy} /> : null}
      {children}
      <div className="row actions">
        {uses}
        {state.state === 'running' ? (
          <QuietButton onPress={() => ask(connection.pause(job.id))}>{words.queue.pause}</QuietButton>
        ) : null}
        {waits ? <QuietButton onPress={() => ask(connection.resume(job.id))}>{words.queue.resume}</QuietButton> : null}
        {state.state === 'failed' ? (
          <QuietButton onPress={() => ask(connection.resume(job.id))}>{words.queue.retry}</QuietButton>
        ) : null}
        {over || state.state === 'queued' ? null : (
          <QuietButton onPress={() => ask(connection.cancel(job.id))}>{words.queue.cancel}</QuietButton>
        )}
        {opens ? <QuietButton onPress={onToggle}>{open ? words.queue.hide : words.queue.details}</QuietButton> : null}
        {over ? <QuietButton onPress={onSettings}>{words.queue.settings}</QuietButton> : null}
        {over ? (
          <QuietButton title={words.queue.forgetHint} onPress={onForget}>
            {words.queue.forget}
          </QuietButton>
        ) : null}
      </div>
    </div>
  );
}

export const isOver = ({ state: { state } }: JobView): boolean =>
  state === 'done' || state === 'failed' || state === 'cancelled';

/** Asks the bridge for something, and keeps why it would not until it is asked again. */
export function useAsked(): [Refused | null, (asked: Promise<void>) => void] {
  const [trouble, setTrouble] = useState<Refused | null>(null);
  const ask = (asked: Promise<void>): void => {
    setTrouble(null);
    // Without a connection the line above everything says so.
    asked.catch((error: unknown) => error instanceof Refused && setTrouble(error));
  };
  return [trouble, ask];
}

/** How far it is and how fast, and, while a model paints, what the key is becoming. */
function Progress({ connection, job: { id, state } }: { readonly connection: Connection; readonly job: JobView }) {
  const preview = usePreview(connection, id);
  if (state.state !== 'running' && state.state !== 'paused') return null;
  const { progress } = state;
  const running = state.state === 'running';
  const { done, total, etaSeconds } = progress ?? { done: 0, total: 0, etaSeconds: null };
  const loss = progress && 'loss' in progress ? progress.loss : null;
  const facts = [
    ...(total > 0 ? [words.queue.of(done, total)] : []),
    ...(progress && running ? rateOf(progress) : []),
    ...(loss === null ? [] : [words.trained.loss(lossText(loss))]),
  ];
  const left = etaSeconds === null || !running || done === total ? '' : words.queue.left(durationText(etaSeconds));
  return (
    <div>
      {preview === undefined ? null : <img className="preview" src={preview} alt="" />}
      <ProgressBar done={done} total={total} />
      <div className="row between">
        <div className="name">{progress ? words.queue.stages[progress.stage] : words.queue.starting}</div>
        <div className="left">{left}</div>
      </div>
      <div className="dim">{facts.join('  ·  ')}</div>
    </div>
  );
}

/** Pictures in a row that scrolls, one of them chosen. */
export function Strip<T>(props: {
  readonly all: readonly T[];
  readonly chosen: number;
  readonly onChoose: (n: number) => void;
  readonly titleOf: (one: T) => string;
  readonly captionOf: (one: T) => string | number;
  readonly pictureOf: (one: T, n: number) => ReactNode;
}) {
  const { all, chosen, onChoose, titleOf, captionOf, pictureOf } = props;
  return (
    <div className="strip">
      {all.map((one, n) => (
        <Pressable
          key={n}
          className={n === chosen ? 'key chosen' : 'key'}
          title={titleOf(one)}
          pressed={n === chosen}
          onPress={() => onChoose(n)}
        >
          {pictureOf(one, n)}
          <div className="caption">{captionOf(one)}</div>
        </Pressable>
      ))}
    </div>
  );
}
