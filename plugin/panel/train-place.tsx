import { useState, type MouseEvent } from 'react';
import type { SourceFacts } from '../../bridge-server/protocol/http.ts';
import type { TrainSubject } from '../../bridge-server/protocol/train-request.ts';
import { boxBetween, fittedBox, undrawn, withBox, withDrawn, withoutBox, type Point, type SubjectBox } from '../box.ts';
import type { Connection } from '../bridge/connection.ts';
import type { Host, Shot } from '../host/host.ts';
import { sourceOf } from '../request.ts';
import { subjectIn, withSubject, type Training } from '../training.ts';
import { words } from '../words.ts';
import type { NamedShot } from './handover.ts';
import { FolderField } from './path-field.tsx';
import { Picture } from './picture.tsx';
import { isFile, type Facts } from './state.ts';
import { Choice, NumberField, Pressable, QuietButton, Slider } from './widgets.tsx';

type Kind = keyof typeof words.train.place.kinds;
const KINDS = Object.keys(words.train.place.kinds) as Kind[];

/** Where the subject is in each clip. */
export function Place(props: {
  readonly host: Host;
  readonly connection: Connection;
  readonly shots: readonly NamedShot[];
  /** Of each shot. */
  readonly facts: readonly (Facts | null)[];
  readonly training: Training;
  readonly change: (changes: Partial<Training>) => void;
}) {
  const { host, connection, shots, facts, training, change } = props;
  const [wanted, setWanted] = useState(0);
  const n = Math.min(wanted, shots.length - 1);
  const { shot } = shots[n]!;
  const seen = facts[n];
  const known = seen?.kind === 'known' ? seen.facts : null;
  const subject = subjectIn(training, shot.source);
  const become = (next: TrainSubject): void => change(withSubject(training, shot.source, next));
  const kind = subject.kind === 'mask' ? subject.mask.kind : subject.kind;
  const { place } = words.train;
  const choose = (next: Kind): void => {
    if (next === 'boxes') {
      if (known) become({ kind: 'boxes', boxes: [...undrawn(known.from, known)] });
    } else if (next === 'whole') become({ kind: 'whole' });
    else if (next === 'source') become({ kind: 'mask', mask: { kind: 'source', ...EDGE } });
    else become({ kind: 'mask', mask: { kind: 'images', folder: '', channel: 'grey', ...EDGE } });
  };
  return (
    <>
      {shots.length > 1 ? (
        <Choice
          label={place.clip}
          value={String(n)}
          options={shots.map(({ name }, m) => ({ value: String(m), name }))}
          onChange={(value) => setWanted(Number(value))}
        />
      ) : null}
      {isFile(shot) ? (
        <>
          <Choice
            label={place.title}
            value={kind}
            options={KINDS.filter((one) => one !== 'boxes' || known || kind === one).map((value) => ({
              ...{ value, name: place.kinds[value] },
            }))}
            onChange={choose}
          />
          <div className="dim hint">{place.hints[kind]}</div>
          {subject.kind === 'boxes' && known ? (
            <Boxes
              key={`${shot.source.path} ${known.from} ${known.to}`}
              {...{ host, connection, shot, facts: known, boxes: subject.boxes }}
              onChange={(boxes) => become(boxes.length > 0 ? { kind: 'boxes', boxes: [...boxes] } : { kind: 'whole' })}
            />
          ) : null}
          {subject.kind === 'mask' && subject.mask.kind === 'images' ? (
            <FolderField
              host={host}
              label={words.output.maskFolder}
              placeholder={words.output.maskFolderHint}
              value={subject.mask.folder}
              onChange={(folder) =>
                become({ kind: 'mask', mask: { ...subject.mask, kind: 'images', channel: 'grey', folder } })
              }
            />
          ) : null}
        </>
      ) : (
        <div className="dim hint">{place.exported}</div>
      )}
    </>
  );
}

const EDGE = { grow: 0, feather: 0 };
const WIDTH = 640;

/** Boxes around the subject, one a frame: two opposite corners in a picture of the frame, or numbers. */
function Boxes(props: {
  readonly host: Host;
  readonly connection: Connection;
  readonly shot: Shot;
  readonly facts: SourceFacts;
  readonly boxes: readonly SubjectBox[];
  readonly onChange: (boxes: readonly SubjectBox[]) => void;
}) {
  const { host, connection, shot, facts, boxes, onChange } = props;
  const [frame, setFrame] = useState(boxes[0]?.frame ?? facts.from);
  const [corner, setCorner] = useState<Point | null>(null);
  const [note, setNote] = useState('');
  const box = boxes.find((one) => one.frame === frame) ?? null;
  const source = sourceOf(shot);
  const { place } = words.train;
  const go = (next: number): void => {
    setFrame(next);
    setCorner(null);
    setNote('');
  };
  const press = (event: MouseEvent<HTMLElement>): void => {
    const stage = event.currentTarget.getBoundingClientRect();
    const point = {
      x: ((event.clientX - stage.left) / stage.width) * facts.width,
      y: ((event.clientY - stage.top) / stage.height) * facts.height,
    };
    if (corner) onChange(withDrawn(boxes, frame, boxBetween(corner, point, facts), facts.from, facts));
    setCorner(corner ? null : point);
  };
  const toPlayhead = async (): Promise<void> => {
    const at = await host.playhead(shot).catch(() => null);
    if (at === null || at < facts.from || at >= facts.to) setNote(words.keys.offPlayhead);
    else go(at);
  };
  const across = (x: number): string => `${(100 * x) / facts.width}%`;
  const down = (y: number): string => `${(100 * y) / facts.height}%`;
  return (
    <div className="place">
      <div className="stage" onClick={press}>
        <Picture
          className="still"
          ask={() => connection.sourcePicture(source, frame, WIDTH)}
          on={[connection, source.path, frame]}
        />
        {box && !corner ? (
          <div
            className="box"
            style={{ left: across(box.x), top: down(box.y), width: across(box.width), height: down(box.height) }}
          />
        ) : null}
        {corner ? <div className="corner" style={{ left: across(corner.x), top: down(corner.y) }} /> : null}
        {corner ? <div className="note">{place.second}</div> : null}
      </div>
      <div className="row end">
        <Slider
          label={words.keys.look}
          value={frame}
          least={facts.from}
          most={facts.to - 1}
          show={String}
          onChange={go}
        />
        {host.kind === 'files' ? null : <QuietButton onPress={() => void toPlayhead()}>{place.playhead}</QuietButton>}
      </div>
      {note === '' ? null : <div className="warning">{note}</div>}
      {box ? (
        <div className="row">
          {(['x', 'y', 'width', 'height'] as const).map((side) => (
            <NumberField
              key={side}
              label={place.numbers[side]}
              value={box[side]}
              least={0}
              most={side === 'x' || side === 'width' ? facts.width : facts.height}
              whole
              onChange={(value) => onChange(withBox(boxes, frame, fittedBox({ ...sides(box), [side]: value }, facts)))}
            />
          ))}
        </div>
      ) : null}
      {boxes.length > 1 || !box ? (
        <div className="row chips">
          {boxes.map((one) => (
            <div className="row chosen-frame" key={one.frame}>
              <Pressable
                className={one.frame === frame ? 'chip chosen' : 'chip'}
                pressed={one.frame === frame}
                onPress={() => go(one.frame)}
              >
                {place.frame(one.frame)}
              </Pressable>
              {boxes.length > 1 ? (
                <QuietButton title={place.remove(one.frame)} onPress={() => onChange(withoutBox(boxes, one.frame))}>
                  ×
                </QuietButton>
              ) : null}
            </div>
          ))}
        </div>
      ) : null}
    </div>
  );
}

const sides = ({ x, y, width, height }: SubjectBox) => ({ x, y, width, height });
