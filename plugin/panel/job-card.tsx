import { useState } from 'react';
import type { RenderJobView } from '../../bridge-server/protocol/job.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Render, Renders } from '../renders.ts';
import { words } from '../words.ts';
import { isOver, JobFrame, Strip, type CardProps } from './job-frame.tsx';
import { Picture } from './picture.tsx';
import { durationText } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { Button, QuietButton } from './widgets.tsx';

/** A render that runs or has run: what it paints, where its result lies, its keys. */
export function JobCard(
  props: CardProps<RenderJobView> & {
    readonly renders: Renders;
    /** What this panel knows of it; null: it comes from elsewhere. */
    readonly render: Render | null;
    readonly onCompare: () => void;
  },
) {
  const { connection, job, renders, render, open, onCompare } = props;
  const { state } = job;
  const done = state.state === 'done' ? state.result : null;
  const comparable = done !== null || state.state === 'running' || state.state === 'paused';
  return (
    <JobFrame
      {...props}
      name={render?.name}
      thumb={done?.keys[0] ? <KeyPicture connection={connection} job={job.id} frame={done.keys[0].frame} /> : undefined}
      facts={
        <>
          {done ? <div className="dim name">{words.queue.result(done.frames, durationText(done.seconds))}</div> : null}
          {render === null && !isOver(job) ? <div className="dim">{words.queue.elsewhere}</div> : null}
        </>
      }
      opens={done !== null}
      uses={comparable ? <QuietButton onPress={onCompare}>{words.queue.compare}</QuietButton> : null}
    >
      {render && done ? <Placing render={render} renders={renders} /> : null}
      {done && open ? <Keys connection={connection} job={job.id} result={done} /> : null}
    </JobFrame>
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

type Result = Extract<RenderJobView['state'], { state: 'done' }>['result'];

/** The painted keys as a strip; the chosen one says why it is a key. */
function Keys(props: { readonly connection: Connection; readonly job: string; readonly result: Result }) {
  const { connection, job, result } = props;
  const [chosen, setChosen] = useState(0);
  const key = result.keys[Math.min(chosen, result.keys.length - 1)];
  return (
    <div>
      <div className="label">{words.queue.keyCount(result.keys.length)}</div>
      <Strip
        all={result.keys}
        chosen={chosen}
        onChoose={setChosen}
        titleOf={({ frame }) => words.queue.frame(frame)}
        captionOf={({ frame }) => frame}
        pictureOf={({ frame }) => <KeyPicture connection={connection} job={job} frame={frame} />}
      />
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
