import { useEffect, useState } from 'react';
import type { JobView } from '../../bridge-server/protocol/job.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Render, Renders } from '../renders.ts';
import { words } from '../words.ts';
import { usePreview, type Desk } from './state.ts';
import { durationText, nameOf } from './text.ts';
import { Button, Pressable, ProgressBar, QuietButton } from './widgets.tsx';

type Props = { readonly desk: Desk; readonly jobs: readonly JobView[]; readonly renders: readonly Render[] };

/** Every job of the install, newest first, and what this panel still owes the timeline. */
export function Queue({ desk, jobs, renders }: Props) {
  const sending = renders.filter(({ job, end }) => job === null || (end.kind === 'stopped' && !known(jobs, job)));
  const [open, setOpen] = useState<string | null>(null);
  const shown = open ?? jobs.find(({ state }) => state.state === 'done')?.id ?? null;
  if (jobs.length === 0 && sending.length === 0) {
    return (
      <div className="empty">
        <div className="strong">{words.queue.empty}</div>
        <div className="dim">{words.queue.emptyHint}</div>
      </div>
    );
  }
  return (
    <div className="scroll">
      {sending.map((render) => (
        <Unsent key={render.key} render={render} renders={desk.renders} />
      ))}
      {jobs.map((job) => (
        <JobCard
          key={job.id}
          desk={desk}
          job={job}
          render={renders.find((render) => render.job === job.id) ?? null}
          open={shown === job.id}
          onToggle={() => setOpen(shown === job.id ? '' : job.id)}
        />
      ))}
    </div>
  );
}

const known = (jobs: readonly JobView[], id: string | null): boolean => jobs.some((job) => job.id === id);

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
          <Trouble sentence={end.sentence} remedy={end.remedy} />
          <div className="row actions">
            <QuietButton onPress={() => renders.forget(key)}>{words.queue.forget}</QuietButton>
          </div>
        </>
      ) : null}
    </div>
  );
}

function JobCard(props: {
  readonly desk: Desk;
  readonly job: JobView;
  readonly render: Render | null;
  readonly open: boolean;
  readonly onToggle: () => void;
}) {
  const { desk, job, render, open, onToggle } = props;
  const { connection, renders } = desk;
  const { state } = job;
  return (
    <div className="card job">
      <div className="row between">
        <div className="strong name">{render?.name ?? nameOf(job.request.source.path)}</div>
        <div className={`tag ${state.state}`}>{stateText(job)}</div>
      </div>
      <div className="dim">{`${styleText(job)}  ·  v${String(job.version).padStart(3, '0')}`}</div>
      {state.state === 'running' ? <Running connection={connection} job={job} /> : null}
      {state.state === 'failed' ? <Trouble sentence={state.error.message} remedy={state.error.remedy} /> : null}
      {state.state === 'done' ? (
        <div className="dim">{words.queue.result(state.result.frames, durationText(state.result.seconds))}</div>
      ) : null}
      {render && state.state === 'done' ? <Placing render={render} renders={renders} /> : null}
      {state.state === 'done' && open ? <Keys connection={connection} job={job.id} result={state.result} /> : null}
      <div className="row actions">
        {state.state === 'queued' || state.state === 'running' ? (
          <QuietButton onPress={() => quietly(connection.cancel(job.id))}>{words.queue.cancel}</QuietButton>
        ) : null}
        {state.state === 'failed' || state.state === 'cancelled' || state.state === 'interrupted' ? (
          <QuietButton onPress={() => quietly(connection.resume(job.id))}>{words.queue.resume}</QuietButton>
        ) : null}
        {state.state === 'done' ? (
          <QuietButton onPress={onToggle}>{open ? words.queue.hide : words.queue.details}</QuietButton>
        ) : null}
      </div>
    </div>
  );
}

/** When the bridge does not take it, the job's own state tells. */
const quietly = (asked: Promise<void>): void => void asked.catch(() => undefined);

function stateText({ state }: JobView): string {
  return state.state === 'running' && state.progress
    ? words.queue.stages[state.progress.stage]
    : words.queue.states[state.state];
}

function styleText({ request: { look, keys } }: JobView): string {
  if (look.kind === 'diffusion') return look.prompt === '' ? words.style.names.prompt : look.prompt;
  if (look.kind === 'none' || keys.kind === 'images') return words.style.names.own;
  return words.style.names[look.kind];
}

/** How far it is, and, while a model paints, what the key is becoming. */
function Running({ connection, job: { id, state } }: { readonly connection: Connection; readonly job: JobView }) {
  const preview = usePreview(connection, id);
  if (state.state !== 'running') return null;
  const { done, total, etaSeconds } = state.progress ?? { done: 0, total: 0, etaSeconds: null };
  return (
    <div>
      {preview === undefined ? null : <img className="preview" src={preview} alt="" />}
      <ProgressBar done={done} total={total} />
      <div className="row between dim">
        <div>{total > 0 ? words.queue.of(done, total) : ''}</div>
        <div>{etaSeconds === null ? '' : words.queue.left(durationText(etaSeconds))}</div>
      </div>
    </div>
  );
}

function Placing({ render, renders }: { readonly render: Render; readonly renders: Renders }) {
  const { end, key, spot } = render;
  if (spot === null) return null;
  switch (end.kind) {
    case 'open':
      return <div className="dim">{words.queue.placing}</div>;
    case 'placed':
      return <div className="good">{words.queue.placed(end.where)}</div>;
    case 'stopped':
      return (
        <>
          <Trouble sentence={end.sentence} remedy={end.remedy} />
          <Button onPress={() => renders.placeAgain(key)}>{words.queue.placeAgain}</Button>
        </>
      );
  }
}

function Trouble({ sentence, remedy }: { readonly sentence: string; readonly remedy: string }) {
  return (
    <>
      <div className="warning">{sentence}</div>
      <div className="dim">{remedy}</div>
    </>
  );
}

type Result = Extract<JobView['state'], { state: 'done' }>['result'];

/** The painted keys as a strip; the chosen one says why it is a key. */
function Keys(props: { readonly connection: Connection; readonly job: string; readonly result: Result }) {
  const { connection, job, result } = props;
  const [chosen, setChosen] = useState(0);
  const key = result.keys[Math.min(chosen, result.keys.length - 1)];
  return (
    <div>
      <div className="label">{words.queue.keyCount(result.keys.length)}</div>
      <div className="strip">
        {result.keys.map(({ frame }, n) => (
          <Pressable
            key={frame}
            className={n === chosen ? 'key chosen' : 'key'}
            title={words.queue.frame(frame)}
            pressed={n === chosen}
            onPress={() => setChosen(n)}
          >
            <KeyPicture connection={connection} job={job} frame={frame} />
            <div className="caption">{frame}</div>
          </Pressable>
        ))}
      </div>
      {key ? <div className="dim">{key.explanation}</div> : null}
      {result.notes.map((note) => (
        <div className="dim" key={note}>
          {note}
        </div>
      ))}
      <div className="path">{result.output}</div>
    </div>
  );
}

const KEY_WIDTH = 144;

function KeyPicture(props: { readonly connection: Connection; readonly job: string; readonly frame: number }) {
  const { connection, job, frame } = props;
  const [source, setSource] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    void connection.keyPicture(job, frame, KEY_WIDTH).then((address) => gone || setSource(address));
    return () => {
      gone = true;
    };
  }, [connection, job, frame]);
  return source === null ? <div className="picture blank" /> : <img className="picture" src={source} alt="" />;
}
