import { Failure } from '../errors.ts';
import { masksOf } from '../jobs/masks.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Clip, FrameWindow } from '../media/clip.ts';
import type { Frame, FrameRange } from '../media/frame.ts';
import type { TrainSubject } from '../protocol/train-request.ts';
import { type Box, trackBox } from '../shot/track.ts';

/** Where the subject of a clip is. */
export type Whereabouts = {
  /** In a frame of the clip; null: it is not to be seen. */
  readonly at: (frame: number, signal: AbortSignal) => Promise<Box | null>;
  /** What the owner of the clip should know, one sentence each. */
  readonly notes: readonly string[];
};

/**
 * Finds the subject in the frames of `range`, which are all that may be asked for. Boxes are followed from the nearest one given before
 * a frame, or from the first. `window` has to stay open as long as frames are asked for. Failures: detail-frame, detail-box, those of
 * masksOf.
 */
export async function subjectIn(
  engine: Engine,
  clip: Clip,
  window: FrameWindow,
  subject: TrainSubject,
  range: FrameRange,
  signal: AbortSignal,
): Promise<Whereabouts> {
  switch (subject.kind) {
    case 'whole': {
      const whole = { x: 0, y: 0, width: clip.width, height: clip.height };
      return { at: () => Promise.resolve(whole), notes: [] };
    }
    case 'boxes': {
      refuseBoxes(subject.boxes, clip);
      const boxes = await followed(engine, clip, window, subject.boxes, range, signal);
      return { at: (frame) => Promise.resolve(boxes.get(frame) ?? null), notes: [] };
    }
    case 'mask': {
      const { pictures, notes } = await masksOf(subject.mask, clip, window, signal);
      return { at: async (frame, abort) => boxOfWhite(await pictures.get(frame, abort)), notes };
    }
  }
}

/** The least that a subject may measure, each way, in pixels. */
const LEAST = 16;

/** The box of all that is more white than black in a mask; null where there is none, or a speck. */
export function boxOfWhite({ width, height, channels, data }: Frame): Box | null {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[(y * width + x) * channels]! < 32768) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  const box = { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
  return box.width < LEAST || box.height < LEAST ? null : box;
}

type Boxes = Extract<TrainSubject, { kind: 'boxes' }>['boxes'];

function refuseBoxes(boxes: Boxes, { range: { from, to }, width, height }: Clip): void {
  for (const { frame, ...box } of boxes) {
    if (frame < from || frame >= to) throw new Failure('detail-frame', { frame, from, to });
    const isInside = box.x + box.width <= width && box.y + box.height <= height;
    if (!isInside) throw new Failure('detail-box', { frame, ...box, clipWidth: width, clipHeight: height });
  }
}

/** The boxes of all frames of `range` in which the subject was not lost, and maybe of more. */
async function followed(
  engine: Engine,
  clip: Clip,
  window: FrameWindow,
  given: Boxes,
  range: FrameRange,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Box>> {
  const boxes = new Map<number, Box>();
  const footage = { width: clip.width, height: clip.height, get: window.get.bind(window) };
  const nothingKept = { known: () => Promise.resolve(null), keep: () => Promise.resolve() };
  for (const [i, { frame, ...box }] of given.entries()) {
    // Each is followed until the next; the first one also backwards.
    const [first, end] = [i === 0 ? range.from : frame, given[i + 1]?.frame ?? range.to];
    const own = { from: Math.min(first, frame), to: Math.max(Math.min(end, range.to), frame + 1) };
    const { boxes: seen } = await trackBox(engine, footage, own, { frame, box }, nothingKept, signal);
    for (const [at, place] of seen) boxes.set(at, place);
  }
  return boxes;
}
