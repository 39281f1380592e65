import { useEffect, useMemo, useState } from 'react';
import type { KeysAnswer, SourceFacts } from '../../bridge-server/protocol/http.ts';
import type { RenderJobView } from '../../bridge-server/protocol/job.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Host, Shot } from '../host/host.ts';
import { chosenAt, hasKey, movedKey, withKey, withoutKey, withPicture, type ChosenKeys } from '../keys.ts';
import {
  randomSeed,
  requestOf,
  sourceOf,
  USUAL,
  type Choices,
  type ChosenKey,
  type ShotChoices,
  type Spacing,
} from '../request.ts';
import { troubleOf, type Trouble } from '../trouble.ts';
import { words } from '../words.ts';
import { FrameView, type Here } from './here.tsx';
import { FileField } from './path-field.tsx';
import { Picture } from './picture.tsx';
import { useAnswer } from './state.ts';
import { nameOf } from './text.ts';
import { TroubleView } from './trouble.tsx';
import { Choice, Disclosure, Pressable, ProgressBar, QuietButton } from './widgets.tsx';
import type { Change } from './choices.ts';

const SPACINGS: readonly Spacing[] = [
  USUAL.keys,
  { kind: 'every', step: 24 },
  { kind: 'every', step: 12 },
  { kind: 'every', step: 1 },
];

/** Where the key frames go: a rule for every shot, or picked one by one for this one. */
export function KeyFrames(props: {
  readonly host: Host;
  readonly connection: Connection;
  /** The single shot that is selected; null when it is none or several. */
  readonly shot: Shot | null;
  /** Whether the editor has yet to write the shot. */
  readonly exported: boolean;
  readonly facts: SourceFacts | null;
  readonly jobs: readonly RenderJobView[];
  readonly here: Here;
  readonly choices: Choices;
  readonly change: Change;
  readonly own: ShotChoices;
  readonly changeOwn: (changes: Partial<ShotChoices>) => void;
}) {
  const { shot, exported, choices, change, own, changeOwn } = props;
  const [open, setOpen] = useState(false);
  const picked = shot ? own.keys : null;
  const spacing = JSON.stringify(choices.keys);
  const rules = SPACINGS.map((keys) => ({ value: JSON.stringify(keys), name: spacingText(keys) }));
  const options = [
    ...rules,
    ...(rules.some(({ value }) => value === spacing) ? [] : [{ value: spacing, name: spacingText(choices.keys) }]),
    ...(picked ? [{ value: PICKED, name: words.keys.chosen }] : []),
  ];
  const choose = (value: string): void => {
    if (value === PICKED) return;
    if (picked) changeOwn({ keys: null });
    change({ keys: JSON.parse(value) as Spacing });
  };
  // Where every frame is a key there is nothing to pick.
  const worthwhile = picked !== null || choices.keys.kind === 'auto' || choices.keys.step > 1;
  return (
    <div className="section">
      <Choice label={words.keys.title} value={picked ? PICKED : spacing} options={options} onChange={choose} />
      {exported && worthwhile ? <div className="dim hint">{words.keys.exported}</div> : null}
      {shot && worthwhile ? (
        <Disclosure
          title={picked ? words.keys.showChosen(picked.length) : open ? words.keys.hide : words.keys.show}
          open={open}
          onToggle={() => setOpen(!open)}
        >
          <Strip {...props} shot={shot} />
        </Disclosure>
      ) : null}
    </div>
  );
}

const PICKED = 'picked';

const spacingText = (keys: Spacing): string =>
  keys.kind === 'every'
    ? words.keys.every(keys.step)
    : keys.budget === null
      ? words.keys.auto
      : words.keys.budget(keys.budget);

type StripProps = Parameters<typeof KeyFrames>[0] & { readonly shot: Shot };

/** Most that are drawn at once: a long shot has thousands. */
const PAGE = 60;

function Strip(props: StripProps) {
  const { host, connection, shot, facts, jobs, here, choices, own, changeOwn } = props;
  const [at, setAt] = useState<number | null>(null);
  const [page, setPage] = useState(0);
  const [note, setNote] = useState('');
  const made = jobs.find(({ id }) => id === shot.made?.job) ?? null;
  const rule = useRule(connection, shot, choices.keys, own.keys === null, made);
  const painterOf = usePainters(jobs, shot, choices, own);
  const keys = own.keys ?? (rule.kind === 'keys' ? chosenAt(rule.keys.map(({ frame }) => frame)) : null);
  if (!keys) return <Waiting rule={rule} />;

  const key = keys.find(({ frame }) => frame === at) ?? null;
  const become = (next: ChosenKeys, frame: number | null): void => {
    if (next !== keys) changeOwn({ keys: next });
    setNote('');
    setAt(frame);
    const n = next.findIndex((one) => one.frame === frame);
    if (n >= 0) setPage(Math.floor(n / PAGE));
  };
  /** What is to be done at the frame that the user looks at. */
  const there = async (body: (frame: number) => void): Promise<void> => {
    const frame = await here.read().catch(() => null);
    if (frame === null) setNote(words.keys.offPlayhead);
    else if (hasKey(keys, frame)) {
      become(keys, frame);
      setNote(words.keys.there);
    } else body(frame);
  };
  const marked = shot.markers.filter(({ frame }) => !hasKey(keys, frame));
  const shown = keys.slice(page * PAGE, (page + 1) * PAGE);
  const later = keys.length - (page + 1) * PAGE;
  return (
    <>
      <div className="strip">
        {page > 0 ? (
          <QuietButton onPress={() => setPage(page - 1)}>{words.keys.earlier(page * PAGE)}</QuietButton>
        ) : null}
        {shown.map((one) => (
          <KeyTile
            key={one.frame}
            {...{ connection, shot }}
            chosenKey={one}
            painted={painterOf(one)}
            chosen={one.frame === at}
            onPress={() => {
              become(keys, one.frame === at ? null : one.frame);
              here.slider?.set(one.frame);
            }}
          />
        ))}
        {later > 0 ? <QuietButton onPress={() => setPage(page + 1)}>{words.keys.later(later)}</QuietButton> : null}
      </div>
      {key ? (
        <KeyActions
          key={key.frame}
          {...{ host, connection, here, keys, chosenKey: key, become }}
          why={tellKey(key, rule)}
          repaintable={choices.style === 'prompt'}
          onMove={() => void there((frame) => become(movedKey(keys, key.frame, frame), frame))}
        />
      ) : (
        <div className="dim hint">{words.keys.hint}</div>
      )}
      {here.slider && facts ? <FrameView {...{ connection, shot, facts }} slider={here.slider} /> : null}
      <div className="row wrap actions">
        <QuietButton
          disabled={here.slider !== null && hasKey(keys, here.slider.frame)}
          onPress={() => void there((frame) => become(withKey(keys, frame), frame))}
        >
          {here.slider ? words.keys.addHere(here.slider.frame) : words.keys.addPlayhead}
        </QuietButton>
        {marked.length > 0 ? (
          <QuietButton
            onPress={() =>
              become(
                marked.reduce((all, { frame }) => withKey(all, frame), keys),
                null,
              )
            }
          >
            {words.keys.addMarkers(marked.length)}
          </QuietButton>
        ) : null}
        {own.keys ? <QuietButton onPress={() => changeOwn({ keys: null })}>{words.keys.automatic}</QuietButton> : null}
      </div>
      {note === '' ? null : <div className="warning">{note}</div>}
    </>
  );
}

function Waiting({ rule }: { readonly rule: Rule }) {
  if (rule.kind === 'failed') return <TroubleView {...rule.trouble} />;
  return (
    <>
      <div className="dim">{words.keys.analysing}</div>
      {rule.kind === 'analysing' ? <ProgressBar done={rule.done} total={rule.total} /> : null}
    </>
  );
}

const TILE_WIDTH = 144;

/** A key as it is painted, where some job has painted it as it is wanted now; else what it is painted from. The user's image is itself. */
function KeyTile(props: {
  readonly connection: Connection;
  readonly shot: Shot;
  readonly chosenKey: ChosenKey;
  /** The job; null: it is still to be painted. */
  readonly painted: string | null;
  readonly chosen: boolean;
  readonly onPress: () => void;
}) {
  const { connection, shot, chosenKey, painted, chosen, onPress } = props;
  const { frame, picture } = chosenKey;
  const source = sourceOf(shot);
  const ask = async (): Promise<string | null> =>
    picture.kind === 'image'
      ? await connection.imagePicture(picture.path, TILE_WIDTH)
      : ((painted && (await connection.keyPicture(painted, frame, TILE_WIDTH))) ??
        (await connection.sourcePicture(source, frame, TILE_WIDTH)));
  const tag = words.keys.tags[picture.kind];
  return (
    <Pressable
      className={chosen ? 'key chosen' : 'key'}
      title={painted ? words.keys.painted(frame) : words.keys.frame(frame)}
      pressed={chosen}
      onPress={onPress}
    >
      <Picture ask={ask} on={[connection, source.path, frame, painted, JSON.stringify(picture)]} />
      <div className="caption">{tag === '' ? frame : `${frame} ${tag}`}</div>
    </Pressable>
  );
}

/** Which job has painted a key of this source as these choices want it; null: none has. */
function usePainters(jobs: readonly RenderJobView[], shot: Shot, choices: Choices, own: ShotChoices) {
  const wanted = requestOf(shot, choices, own);
  const alike = JSON.stringify([wanted.source.path, wanted.look, wanted.profile]);
  const painters = useMemo(
    () =>
      jobs.filter(
        ({ state, request: { source, look, profile } }) =>
          state.state === 'done' && JSON.stringify([source.path, look, profile]) === alike,
      ),
    [jobs, alike],
  );
  return (key: ChosenKey): string | null => painters.find((job) => isPaintedIn(job, key))?.id ?? null;
}

function isPaintedIn({ request: { keys }, state }: RenderJobView, { frame, picture }: ChosenKey): boolean {
  if (state.state !== 'done' || !state.result.keys.some((key) => key.frame === frame)) return false;
  const then = keys.kind === 'chosen' ? keys.keys.find((key) => key.frame === frame)?.picture : { kind: 'painted' };
  return JSON.stringify(then) === JSON.stringify(picture);
}

function KeyActions(props: {
  readonly host: Host;
  readonly connection: Connection;
  readonly here: Here;
  readonly keys: ChosenKeys;
  readonly chosenKey: ChosenKey;
  readonly why: string;
  /** Whether there is a seed to paint it with. */
  readonly repaintable: boolean;
  readonly become: (next: ChosenKeys, frame: number | null) => void;
  readonly onMove: () => void;
}) {
  const { host, connection, here, keys, chosenKey, why, repaintable, become, onMove } = props;
  const { frame, picture } = chosenKey;
  const [typing, setTyping] = useState(false);
  const [path, setPath] = useState(picture.kind === 'image' ? picture.path : '');
  const image = picture.kind === 'image' ? picture.path : null;
  const trouble = useAnswer<Trouble>(async () => {
    if (image === null) return null;
    return await connection.imagePicture(image, TILE_WIDTH).then(() => null, troubleOf);
  }, [connection, image]);
  const paint = (next: ChosenKey['picture']): void => {
    become(withPicture(keys, frame, next), frame);
    setTyping(false);
  };
  const chooseImage = async (): Promise<void> => {
    if (!host.choose) return setTyping(!typing);
    const chosen = await host.choose.file(IMAGES);
    if (chosen) paint({ kind: 'image', path: chosen });
  };
  return (
    <div className="card inner">
      <div className="strong">{words.keys.frame(frame)}</div>
      <div className="dim">{why}</div>
      {trouble ? <TroubleView {...trouble} /> : null}
      <div className="row wrap actions">
        <QuietButton disabled={here.slider !== null && hasKey(keys, here.slider.frame)} onPress={onMove}>
          {here.slider ? words.keys.moveHere(here.slider.frame) : words.keys.movePlayhead}
        </QuietButton>
        {repaintable ? (
          <QuietButton onPress={() => paint({ kind: 'repainted', seed: randomSeed() })}>
            {words.keys.repaint}
          </QuietButton>
        ) : null}
        <QuietButton onPress={() => void chooseImage()}>{words.keys.image}</QuietButton>
        {picture.kind === 'painted' ? null : (
          <QuietButton onPress={() => paint({ kind: 'painted' })}>{words.keys.asOthers}</QuietButton>
        )}
        {keys.length > 1 ? (
          <QuietButton onPress={() => become(withoutKey(keys, frame), null)}>{words.keys.remove}</QuietButton>
        ) : null}
      </div>
      {typing ? (
        <div className="typing">
          <FileField
            host={host}
            types={IMAGES}
            label={words.keys.imagePath}
            placeholder={words.keys.imageHint}
            value={path}
            onChange={setPath}
          />
          <QuietButton disabled={path === ''} onPress={() => paint({ kind: 'image', path })}>
            {words.keys.useImage}
          </QuietButton>
        </div>
      ) : null}
    </div>
  );
}

const IMAGES = ['png', 'jpg', 'jpeg', 'tif', 'tiff', 'webp'];

function tellKey({ frame, picture }: ChosenKey, rule: Rule): string {
  if (picture.kind === 'image') return words.keys.tellImage(nameOf(picture.path));
  if (picture.kind === 'repainted') return words.keys.tellRepainted;
  const planned = rule.kind === 'keys' ? rule.keys.find((key) => key.frame === frame) : null;
  return planned?.explanation ?? words.keys.tellPicked;
}

type Planned = Extract<KeysAnswer, { keys: unknown }>;

/** What the rule gives for a shot. */
type Rule =
  | { readonly kind: 'asking' }
  | { readonly kind: 'analysing'; readonly done: number; readonly total: number }
  | ({ readonly kind: 'keys' } & Pick<Planned, 'keys'>)
  | { readonly kind: 'failed'; readonly trouble: Trouble };

const ASK_AGAIN_MS = 700;

/** The keys that the rule gives: for a painted version those that it had, else what the bridge finds once it has looked through the shot. */
function useRule(
  connection: Connection,
  shot: Shot,
  spacing: Spacing,
  wanted: boolean,
  made: RenderJobView | null,
): Rule {
  const [rule, setRule] = useState<Rule>({ kind: 'asking' });
  const source = sourceOf(shot);
  const had = made?.state.state === 'done' && JSON.stringify(made.request.keys) === JSON.stringify(spacing);
  const question = JSON.stringify([source, spacing]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    let gone = false;
    const ask = async (): Promise<void> => {
      const rule = await connection.plannedKeys(source, spacing).then(
        (answer): Rule =>
          'keys' in answer ? { kind: 'keys', keys: answer.keys } : { kind: 'analysing', ...answer.analysing },
        (error: unknown): Rule => ({ kind: 'failed', trouble: troubleOf(error) }),
      );
      if (gone) return;
      setRule(rule);
      if (rule.kind === 'analysing') timer = setTimeout(() => void ask(), ASK_AGAIN_MS);
    };
    // Once asked, it also explains the keys that were picked from it.
    if (wanted && !had) {
      setRule({ kind: 'asking' });
      void ask();
    }
    return () => {
      gone = true;
      if (timer) clearTimeout(timer);
    };
  }, [connection, question, wanted, had]);
  return had && made.state.state === 'done' ? { kind: 'keys', keys: made.state.result.keys } : rule;
}
