import type { Planes } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import { Failure } from '../errors.ts';
import type { Engine } from '../kernels/engine.ts';
import { type Clip, FrameWindow } from '../media/clip.ts';
import type { Report } from '../progress.ts';
import { type Box, trackBox } from '../shot/track.ts';
import { bucketOf } from './bucket.ts';
import { cropped, within } from './examples.ts';
import type { TrainRequest, TrainSubject } from '../protocol/train-request.ts';
import { captionOf } from './captions.ts';
import { type Candidate, chosenOf, warningsOn } from './select.ts';
import { survey } from './survey.ts';

/** Pictures of clips that are trained on. */
export type ChosenFrames = {
  readonly pictures: readonly {
    readonly clip: number;
    readonly frame: number;
    readonly box: Box;
    readonly caption: string;
    readonly picture: Planes;
  }[];
  /** Of each of them: about the shape of the subject where it was first shown. */
  readonly size: Size;
  /** What its owner should know, one sentence each. */
  readonly notes: readonly string[];
};

/** Frames of a clip that may be kept decoded. */
const WINDOW_BYTES = 256 * 2 ** 20;

/**
 * The sharpest and most different frames of the clips, cut out around the subject. Goes over each clip once, and once more where the
 * subject is followed; reports the first. Failures: detail-frame, detail-box.
 */
export async function framesOf(
  engine: Engine,
  clips: readonly Clip[],
  request: Pick<TrainRequest, 'clips' | 'caption' | 'trigger' | 'examples'>,
  area: number,
  report: Report,
  signal: AbortSignal,
): Promise<ChosenFrames> {
  const given = request.clips.map(({ subject }) => (subject.kind === 'boxes' ? subject.boxes : []));
  for (const [i, clip] of clips.entries()) refuseBoxes(given[i]!, clip);
  const windows = clips.map((clip) => new FrameWindow(clip, WINDOW_BYTES));
  try {
    const total = clips.reduce((sum, { range }) => sum + range.to - range.from, 0);
    const candidates: (Candidate & { readonly clip: number; readonly box: Box })[] = [];
    let before = 0;
    for (const [i, clip] of clips.entries()) {
      const boxAt = await subjectIn(engine, clip, windows[i]!, given[i]!, signal);
      const found = await survey(engine, clip, boxAt, (done) => report(before + done, total), signal);
      candidates.push(...found.map((candidate) => ({ ...candidate, clip: i, box: boxAt(candidate.frame)! })));
      before += clip.range.to - clip.range.from;
    }
    const { examples, caption, trigger } = request;
    const usual = captionOf(caption, trigger);
    const count = examples.kind === 'auto' ? examples.count : candidates.length;
    const chosen = examples.kind === 'auto' ? chosenOf(candidates, count) : candidates;
    const size = bucketOf(given[0]![0] ?? clips[0]!, area);
    const pictures: ChosenFrames['pictures'][number][] = [];
    let smallest: Size = clips[0]!;
    for (const { clip, frame, box } of chosen) {
      const seen = within(clips[clip]!, box);
      if (seen.width * seen.height < smallest.width * smallest.height) smallest = seen;
      const picture = cropped(await windows[clip]!.get(frame, signal), box, size);
      pictures.push({ clip, frame, box: seen, caption: usual, picture });
    }
    const enlarged = smallest.width * smallest.height < size.width * size.height;
    return { pictures, size, notes: warningsOn(chosen, { asked: count, enlarged, size }) };
  } finally {
    for (const window of windows) await window.close();
  }
}

type Boxes = Extract<TrainSubject, { kind: 'boxes' }>['boxes'];

function refuseBoxes(boxes: Boxes, { range: { from, to }, width, height }: Clip): void {
  for (const { frame, ...box } of boxes) {
    if (frame < from || frame >= to) throw new Failure('detail-frame', { frame, from, to });
    const isInside = box.x + box.width <= width && box.y + box.height <= height;
    if (!isInside) throw new Failure('detail-box', { frame, ...box, clipWidth: width, clipHeight: height });
  }
}

/** Where the subject is in each frame: followed from the nearest given box before, or from the first; null where it was lost. */
async function subjectIn(
  engine: Engine,
  clip: Clip,
  window: FrameWindow,
  given: Boxes,
  signal: AbortSignal,
): Promise<(frame: number) => Box | null> {
  const whole = { x: 0, y: 0, width: clip.width, height: clip.height };
  if (given.length === 0) return () => whole;
  const boxes = new Map<number, Box>();
  const footage = { width: clip.width, height: clip.height, get: window.get.bind(window) };
  const nothingKept = { known: () => Promise.resolve(null), keep: () => Promise.resolve() };
  for (const [i, { frame, ...box }] of given.entries()) {
    const range = { from: i === 0 ? clip.range.from : frame, to: given[i + 1]?.frame ?? clip.range.to };
    const track = await trackBox(engine, footage, range, { frame, box }, nothingKept, signal);
    for (const [at, place] of track.boxes) boxes.set(at, place);
  }
  return (frame) => boxes.get(frame) ?? null;
}
