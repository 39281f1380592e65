import type { Planes } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import { Failure } from '../errors.ts';
import type { Engine } from '../kernels/engine.ts';
import { type Clip, FrameWindow } from '../media/clip.ts';
import type { Report } from '../progress.ts';
import { type Box, trackBox } from '../shot/track.ts';
import { bucketOf } from './bucket.ts';
import { cropped, within } from './examples.ts';
import type { TrainRequest } from './request.ts';
import { chosenOf, warningsOn } from './select.ts';
import { survey } from './survey.ts';

/** Pictures of a shot that are trained on. */
export type ChosenFrames = {
  readonly pictures: readonly { readonly frame: number; readonly picture: Planes }[];
  /** Of each of them: about the shape of the subject where it was first shown. */
  readonly size: Size;
  /** What its owner should know, one sentence each. */
  readonly notes: readonly string[];
};

/** Frames of the clip that may be kept decoded. */
const WINDOW_BYTES = 256 * 2 ** 20;

/**
 * The sharpest and most different frames of a clip, cut out around the subject. Goes over the clip once, and once more where the
 * subject is followed; reports the first. Failures: detail-frame, detail-box.
 */
export async function framesOf(
  engine: Engine,
  clip: Clip,
  { boxes, frames }: Pick<TrainRequest, 'boxes' | 'frames'>,
  area: number,
  report: Report,
  signal: AbortSignal,
): Promise<ChosenFrames> {
  refuseBoxes(boxes, clip);
  const window = new FrameWindow(clip, WINDOW_BYTES);
  try {
    const boxAt = await subjectIn(engine, clip, window, boxes, signal);
    const candidates = await survey(engine, clip, boxAt, report, signal);
    const chosen = chosenOf(candidates, frames);
    const size = bucketOf(boxes[0] ?? clip, area);
    const pictures: { frame: number; picture: Planes }[] = [];
    let smallest: Size = clip;
    for (const { frame } of chosen) {
      const box = boxAt(frame)!;
      const seen = within(clip, box);
      if (seen.width * seen.height < smallest.width * smallest.height) smallest = seen;
      pictures.push({ frame, picture: cropped(await window.get(frame, signal), box, size) });
    }
    const enlarged = smallest.width * smallest.height < size.width * size.height;
    return { pictures, size, notes: warningsOn(chosen, { asked: frames, enlarged, size }) };
  } finally {
    await window.close();
  }
}

function refuseBoxes(boxes: TrainRequest['boxes'], { range: { from, to }, width, height }: Clip): void {
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
  given: TrainRequest['boxes'],
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
