import { useEffect, useState } from 'react';
import type { Connection } from '../bridge/connection.ts';
import { captionOf } from '../../bridge-server/train/captions.ts';
import {
  framesQuestion,
  lookedAt,
  withExample,
  type Looked,
  type LookedExample,
  type TrainClips,
  type Training,
} from '../training.ts';
import { troubleOf, type Trouble } from '../trouble.ts';
import { words } from '../words.ts';
import { Cutout } from './cutout.tsx';
import type { NamedShot } from './handover.ts';
import type { Facts } from './state.ts';
import { TroubleView } from './trouble.tsx';
import { Button, Pressable, ProgressBar, QuietButton, TextArea } from './widgets.tsx';

type Props = {
  readonly connection: Connection;
  readonly shots: readonly NamedShot[];
  /** Of each shot. */
  readonly facts: readonly (Facts | null)[];
  readonly clips: TrainClips;
  readonly training: Training;
  readonly change: (changes: Partial<Training>) => void;
};

/** The frames that would be trained on, to look through before hours are spent on them: each can be left out, or told of by a caption. */
export function Frames(props: Props) {
  const { connection, clips, training, change } = props;
  const { search, look } = useLook(connection, training, clips, change);
  const looked = lookedAt(training, clips);
  const { frames } = words.train;
  if (search?.kind === 'looking') {
    return (
      <div className="field">
        <div className="dim">{frames.looking}</div>
        <ProgressBar done={search.done} total={search.total} />
      </div>
    );
  }
  return (
    <div className="field">
      {looked ? (
        <Examples key={looked.question} {...props} looked={looked} onAgain={look} />
      ) : (
        <Button disabled={training.model === ''} onPress={look}>
          {frames.look}
        </Button>
      )}
      {search ? <TroubleView {...search.trouble} /> : null}
    </div>
  );
}

type Search =
  | { readonly kind: 'looking'; readonly done: number; readonly total: number }
  | { readonly kind: 'failed'; readonly trouble: Trouble };

const ASK_AGAIN_MS = 700;

/** Has the bridge choose, until it has or something else is to be trained on. */
function useLook(
  connection: Connection,
  training: Training,
  clips: TrainClips,
  change: (changes: Partial<Training>) => void,
): { readonly search: Search | null; readonly look: () => void } {
  const question = framesQuestion(training, clips);
  const [search, setSearch] = useState<Search | null>(null);
  const [asked, setAsked] = useState<string | null>(null);
  useEffect(() => {
    if (asked !== question) {
      setSearch(null);
      return;
    }
    let timer: ReturnType<typeof setTimeout> | null = null;
    let gone = false;
    const ask = async (): Promise<void> => {
      const { count, model, area } = training;
      const answer = await connection.trainFrames({ clips, count, model, area }).catch(troubleOf);
      if (gone) return;
      if ('looking' in answer) {
        setSearch({ kind: 'looking', ...answer.looking });
        timer = setTimeout(() => void ask(), ASK_AGAIN_MS);
        return;
      }
      setAsked(null);
      if ('sentence' in answer) return setSearch({ kind: 'failed', trouble: answer });
      setSearch(null);
      const { size, notes } = answer;
      const examples = answer.examples.map((example) => ({ ...example, caption: null, dropped: false }));
      change({ looked: { question, size, notes, examples } });
    };
    setSearch({ kind: 'looking', done: 0, total: 0 });
    void ask();
    return () => {
      gone = true;
      if (timer) clearTimeout(timer);
    };
  }, [connection, asked, question]);
  return { search, look: () => setAsked(question) };
}

function Examples(props: Props & { readonly looked: Looked; readonly onAgain: () => void }) {
  const { connection, shots, facts, clips, training, change, looked, onAgain } = props;
  const [at, setAt] = useState<number | null>(null);
  const { examples, size, notes } = looked;
  const { frames } = words.train;
  const kept = examples.filter(({ dropped }) => !dropped).length;
  const chosen = at === null ? null : (examples[at] ?? null);
  return (
    <>
      <div className="row between">
        <div>{`${frames.kept(kept, examples.length)}  ·  ${frames.size(size.width, size.height)}`}</div>
        <QuietButton onPress={onAgain}>{frames.again}</QuietButton>
      </div>
      {notes.map((note) => (
        <div className="warning" key={note}>
          {note}
        </div>
      ))}
      <div className="examples">
        {examples.map((example, n) => {
          const { clip, frame, dropped, caption } = example;
          const seen = facts[clip];
          const source = clips[clip]!.source;
          return (
            <Pressable
              key={`${clip} ${frame}`}
              className={['example', ...(n === at ? ['chosen'] : []), ...(dropped ? ['dropped'] : [])].join(' ')}
              title={caption === null ? nameOfFrame(shots, example) : frames.own(caption)}
              pressed={n === at}
              onPress={() => setAt(n === at ? null : n)}
            >
              <Cutout
                frame={seen?.kind === 'known' ? seen.facts : example.box}
                box={example.box}
                shape={size}
                ask={(width) => connection.sourcePicture(source, frame, width)}
                on={[connection, source.path, frame]}
              />
              <div className="caption">{dropped ? frames.dropped : `${frame}${caption === null ? '' : ' ✎'}`}</div>
            </Pressable>
          );
        })}
      </div>
      {chosen && at !== null ? (
        <Example
          key={at}
          title={nameOfFrame(shots, chosen)}
          usual={captionOf(training.caption, training.trigger)}
          example={chosen}
          onChange={(changes) => change({ looked: withExample(looked, at, changes) })}
        />
      ) : (
        <div className="dim hint">{frames.hint}</div>
      )}
    </>
  );
}

const nameOfFrame = (shots: readonly NamedShot[], { clip, frame }: LookedExample): string =>
  shots.length > 1 ? words.train.frames.of(shots[clip]?.name ?? '', frame) : words.train.frames.frame(frame);

function Example(props: {
  readonly title: string;
  /** What its caption is unless it has its own. */
  readonly usual: string;
  readonly example: LookedExample;
  readonly onChange: (changes: Partial<LookedExample>) => void;
}) {
  const { title, usual, example, onChange } = props;
  const { caption, dropped } = example;
  const { frames } = words.train;
  return (
    <div className="card inner">
      <div className="row between">
        <div className="strong name">{title}</div>
        <QuietButton onPress={() => onChange({ dropped: !dropped })}>{dropped ? frames.keep : frames.drop}</QuietButton>
      </div>
      {dropped ? null : (
        <>
          <TextArea
            label={frames.caption}
            value={caption ?? usual}
            onChange={(text) => onChange({ caption: text === usual ? null : text })}
          />
          {caption === null ? null : (
            <QuietButton onPress={() => onChange({ caption: null })}>{frames.asOthers}</QuietButton>
          )}
        </>
      )}
    </div>
  );
}
