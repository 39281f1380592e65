import { useState } from 'react';
import type { JobView } from '../../bridge-server/protocol/job.ts';
import type { Connection } from '../bridge/connection.ts';
import { Refused } from '../bridge/problem.ts';
import type { Render, Renders } from '../renders.ts';
import { words } from '../words.ts';
import { Picture } from './picture.tsx';
import { usePreview, type Desk } from './state.ts';
import { durationText, nameOf, rateOf, styleText, versionText } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { Button, Pressable, ProgressBar, QuietButton } from './widgets.tsx';

type Props = {
  readonly desk: Desk;
  readonly job: JobView;
  readonly render: Render | null;
  readonly open: boolean;
  readonly onToggle: () => void;
  readonly onCompare: () => void;
  /** Brings back what made it, to paint with. */
  readonly onSettings: () => void;
  readonly onForget: () => void;
};

/** A job that runs or has run: what it is, how far it is, and what can be done about it. */
export function JobCard({ desk, job, render, open, onToggle, onCompare, onSettings, onForget }: Props) {
  const { connection, renders } = desk;
  const { state } = job;
  const [refused, ask] = useAsked();
  const waits = state.state === 'paused' || state.state === 'interrupted' || state.state === 'cancelled';
  const over = state.state === 'done' || state.state === 'failed' || state.state === 'cancelled';
  return (
    <div className="card job">
      <div className="row">
        {state.state === 'done' && state.result.keys[0] ? (
          <div className="thumb">
            <KeyPicture connection={connection} job={job.id} frame={state.result.keys[0].frame} />
          </div>
        ) : null}
        <div className="about">
          <div className="row between">
            <div className="strong name">{render?.name ?? nameOf(job.request.source.path)}</div>
            <div className={`tag ${state.state}`}>{words.queue.states[state.state]}</div>
          </div>
          <div className="dim name">{`${styleText(job.request)}  ·  ${versionText(job.version)}`}</div>
          {state.state === 'done' ? (
            <div className="dim name">
              {words.queue.result(state.result.frames, durationText(state.result.seconds))}
            </div>
          ) : null}
          {render === null && !over ? <div className="dim">{words.queue.elsewhere}</div> : null}
        </div>
      </div>
      {state.state === 'running' || state.state === 'paused' ? <Progress connection={connection} job={job} /> : null}
      {state.state === 'interrupted' ? <div className="dim">{words.queue.interrupted}</div> : null}
      {state.state === 'failed' ? <TroubleView sentence={state.error.message} remedy={state.error.remedy} /> : null}
      {render && state.state === 'done' ? <Placing render={render} renders={renders} /> : null}
      {refused ? <TroubleView sentence={refused.message} remedy={refused.remedy} /> : null}
      {state.state === 'done' && open ? <Keys connection={connection} job={job.id} result={state.result} /> : null}
      <div className="row actions">
        {state.state === 'done' || state.state === 'running' || state.state === 'paused' ? (
          <QuietButton onPress={onCompare}>{words.queue.compare}</QuietButton>
        ) : null}
        {state.state === 'running' ? (
          <QuietButton onPress={() => ask(connection.pause(job.id))}>{words.queue.pause}</QuietButton>
        ) : null}
        {waits ? <QuietButton onPress={() => ask(connection.resume(job.id))}>{words.queue.resume}</QuietButton> : null}
        {state.state === 'failed' ? (
          <QuietButton onPress={() => ask(connection.resume(job.id))}>{words.queue.retry}</QuietButton>
        ) : null}
        {state.state === 'running' || state.state === 'paused' || state.state === 'interrupted' ? (
          <QuietButton onPress={() => ask(connection.cancel(job.id))}>{words.queue.cancel}</QuietButton>
        ) : null}
        {state.state === 'done' ? (
          <QuietButton onPress={onToggle}>{open ? words.queue.hide : words.queue.details}</QuietButton>
        ) : null}
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
  const facts = [...(total > 0 ? [words.queue.of(done, total)] : []), ...(progress && running ? rateOf(progress) : [])];
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

function Placing({ render, renders }: { readonly render: Render; readonly renders: Renders }) {
  const { end, key, spot } = render;
  if (spot === null) return null;
  switch (end.kind) {
    case 'open':
      return <div className="dim">{words.queue.placing}</div>;
    case 'placed':
      return (
        <div className="row between">
          <div className="good name">{words.queue.placed(end.where)}</div>
          <QuietButton title={words.queue.placeAgainHint} onPress={() => renders.placeAgain(key)}>
            {words.queue.again}
          </QuietButton>
        </div>
      );
    case 'replaced':
      return (
        <>
          <div className="dim">{words.queue.replaced}</div>
          <Button onPress={() => renders.placeAgain(key)}>{words.queue.placeAgain}</Button>
        </>
      );
    case 'stopped':
      return (
        <>
          <TroubleView sentence={end.sentence} remedy={end.remedy} />
          <Button onPress={() => renders.placeAgain(key)}>{words.queue.placeAgain}</Button>
        </>
      );
  }
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
  return <Picture ask={() => connection.keyPicture(job, frame, KEY_WIDTH)} on={[connection, job, frame]} />;
}
