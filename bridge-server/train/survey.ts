import type { Engine } from '../kernels/engine.ts';
import type { Clip } from '../media/clip.ts';
import type { Frame } from '../media/frame.ts';
import { lookAt } from '../shot/compare.ts';
import { lumaOf } from '../shot/flow.ts';
import { type Thumbnail, thumbnailOf } from '../shot/likeness.ts';
import type { Box } from '../shot/track.ts';
import type { Report } from '../progress.ts';
import { within } from './examples.ts';
import type { Candidate } from './select.ts';
import type { Whereabouts } from './subject.ts';

/** Longer shots are thinned to so many candidates, the sharpest of each stretch: memory does not grow with the shot. */
const CANDIDATES = 512;
/** Sides of a view. */
const GRID = 16;

/** A candidate, and where the subject is in it. */
export type Surveyed = Candidate & { readonly box: Box };

/** Looks at every frame of a clip once, inside the subject's box; frames without one are passed over. */
export async function survey(
  engine: Engine,
  clip: Clip,
  boxAt: Whereabouts['at'],
  report: Report,
  signal: AbortSignal,
): Promise<Surveyed[]> {
  const total = clip.range.to - clip.range.from;
  const stretch = Math.ceil(total / CANDIDATES);
  const best = new Map<number, Surveyed>();
  let n = clip.range.from;
  for await (const frame of clip.read(clip.range, signal)) {
    const box = await boxAt(n, signal);
    if (box) {
      const candidate = await candidateOf(engine, cut(frame, within(frame, box)), n);
      const place = Math.floor((n - clip.range.from) / stretch);
      if (candidate.sharpness > (best.get(place)?.sharpness ?? -1)) best.set(place, { ...candidate, box });
    }
    n++;
    report(n - clip.range.from, total);
  }
  return [...best.values()];
}

async function candidateOf(engine: Engine, picture: Frame, frame: number): Promise<Candidate> {
  const luma = await lumaOf(engine, picture);
  try {
    const { brightness, sharpness } = await lookAt(engine, luma, picture);
    const thumbnail = await thumbnailOf(engine, luma, picture.width, picture.height);
    return { frame, brightness, sharpness, view: viewOf(thumbnail) };
  } finally {
    engine.free(luma);
  }
}

/** Means of the thumbnail over the cells of a grid; where it has fewer pixels, the nearest one. */
function viewOf({ width, height, data }: Thumbnail): Uint8Array {
  const span = (cell: number, length: number): [number, number] => {
    const from = Math.min(Math.floor((cell * length) / GRID), length - 1);
    return [from, Math.max(from + 1, Math.floor(((cell + 1) * length) / GRID))];
  };
  return Uint8Array.from({ length: GRID * GRID }, (_, i) => {
    const [top, bottom] = span(Math.floor(i / GRID), height);
    const [left, right] = span(i % GRID, width);
    let sum = 0;
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += data[y * width + x]!;
    return sum / ((bottom - top) * (right - left));
  });
}

/** The whole pixels of a box that lies in a frame. */
function cut({ width, channels, data }: Frame, box: Box): Frame {
  const row = box.width * channels;
  const part = new Uint16Array(row * box.height);
  for (let y = 0; y < box.height; y++) {
    const from = ((box.y + y) * width + box.x) * channels;
    part.set(data.subarray(from, from + row), y * row);
  }
  return { width: box.width, height: box.height, channels, data: part };
}
