import type { Planes } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import { Failure } from '../errors.ts';
import type { Engine } from '../kernels/engine.ts';
import { type Clip, FrameWindow } from '../media/clip.ts';
import type { Report } from '../progress.ts';
import type { TrainRequest } from '../protocol/train-request.ts';
import type { Box } from '../shot/track.ts';
import { bucketOf } from './bucket.ts';
import { captionOf, ownCaptionOf } from './captions.ts';
import { cropped, within } from './examples.ts';
import { chosenOf, warningOnSize, warningsOn } from './select.ts';
import { subjectIn } from './subject.ts';
import { survey, type Surveyed } from './survey.ts';

/** A picture that is trained on: where it is in the request's clips (`clip` counts them), and what it is captioned with. */
export type ChosenExample = {
  readonly clip: number;
  readonly frame: number;
  readonly caption: string;
  readonly box: Box;
};

/** Which pictures of clips are trained on. */
export type Choice = {
  /** In the order of clips and frames. */
  readonly examples: readonly ChosenExample[];
  /** Of each picture: about the shape that the subject has on average. */
  readonly size: Size;
  /** What the owner of the clips should know, one sentence each. */
  readonly notes: readonly string[];
};

/** The same with the pictures. */
export type ChosenFrames = Omit<Choice, 'examples'> & {
  readonly pictures: readonly (ChosenExample & { readonly picture: Planes })[];
};

/** What decides, beside which frames are asked for, what is cut out and how it is captioned. */
type Shown = Pick<TrainRequest, 'clips' | 'caption' | 'trigger'>;
type Asked = Shown & Pick<TrainRequest, 'examples'>;
type Frames = Extract<TrainRequest['examples'], { kind: 'chosen' }>['frames'];
type Found = { readonly examples: readonly ChosenExample[]; readonly notes: readonly string[] };

/** Frames of one clip that may be kept decoded; clips are gone through one after the other. */
const WINDOW_BYTES = 256 * 2 ** 20;

/** The frames to train on, cut out around the subject: see examplesOf. */
export async function framesOf(
  engine: Engine,
  clips: readonly Clip[],
  request: Asked,
  area: number,
  report: Report,
  signal: AbortSignal,
): Promise<ChosenFrames> {
  const { examples, size, notes } = await examplesOf(engine, clips, request, area, report, signal);
  const pictures: ChosenFrames['pictures'][number][] = [];
  for (const [number, clip] of clips.entries()) {
    await looking(clip, async (window) => {
      for (const example of examples) {
        if (example.clip !== number) continue;
        pictures.push({ ...example, picture: cropped(await window.get(example.frame, signal), example.box, size) });
      }
    });
  }
  return { pictures, size, notes };
}

/**
 * Which frames to train on, and where the subject is in them: the sharpest and most different ones of all clips, or those that are asked
 * for. Goes over each clip once, and where the subject is followed once more; with frames that are asked for over no more than it takes
 * to follow the subject there. Failures: detail-frame, detail-box, example-frame, train-subject, and those of masks.
 */
export async function examplesOf(
  engine: Engine,
  clips: readonly Clip[],
  request: Asked,
  area: number,
  report: Report,
  signal: AbortSignal,
): Promise<Choice> {
  const { examples: asked } = request;
  const { examples, notes } =
    asked.kind === 'auto'
      ? await bestOf(asked.count, engine, clips, request, report, signal)
      : await askedOf(asked.frames, engine, clips, request, report, signal);
  if (examples.length === 0) throw new Failure('train-subject', undefined);
  const seen = examples.map((example) => ({ ...example, box: within(clips[example.clip]!, example.box) }));
  const boxes = seen.map(({ box }) => box);
  const size = bucketOf(shapeOf(boxes), area);
  return { examples: seen, size, notes: [...notes, ...warningOnSize(boxes, size)] };
}

/** The sharpest and most different frames, at most `count`. */
async function bestOf(
  count: number,
  engine: Engine,
  clips: readonly Clip[],
  { clips: shown, caption, trigger }: Shown,
  report: Report,
  signal: AbortSignal,
): Promise<Found> {
  const total = clips.reduce((sum, { range }) => sum + range.to - range.from, 0);
  const candidates: (Surveyed & { readonly clip: number })[] = [];
  const notes: string[] = [];
  let before = 0;
  for (const [number, clip] of clips.entries()) {
    await looking(clip, async (window) => {
      const where = await subjectIn(engine, clip, window, shown[number]!.subject, clip.range, signal);
      const found = await survey(engine, clip, where.at, (done) => report(before + done, total), signal);
      candidates.push(...found.map((candidate) => ({ ...candidate, clip: number })));
      notes.push(...where.notes);
    });
    before += clip.range.to - clip.range.from;
  }
  const chosen = chosenOf(candidates, count);
  const usual = captionOf(caption, trigger);
  return {
    examples: chosen.map(({ clip, frame, box }) => ({ clip, frame, box, caption: usual })),
    notes: [...notes, ...warningsOn(chosen, count)],
  };
}

/** The frames that are asked for, but those in which the subject is not to be seen. */
async function askedOf(
  asked: Frames,
  engine: Engine,
  clips: readonly Clip[],
  { clips: shown, caption, trigger }: Shown,
  report: Report,
  signal: AbortSignal,
): Promise<Found> {
  for (const { clip, frame } of asked) {
    const { from, to } = clips[clip]?.range ?? { from: 0, to: 0 };
    if (frame < from || frame >= to) throw new Failure('example-frame', { clip: clip + 1, frame });
  }
  const found: ChosenExample[] = [];
  const notes: string[] = [];
  const usual = captionOf(caption, trigger);
  let done = 0;
  for (const [number, clip] of clips.entries()) {
    const own = asked.filter((one) => one.clip === number);
    if (own.length === 0) continue;
    await looking(clip, async (window) => {
      const range = { from: own[0]!.frame, to: own.at(-1).frame + 1 };
      const where = await subjectIn(engine, clip, window, shown[number]!.subject, range, signal);
      notes.push(...where.notes);
      for (const { frame, caption: said } of own) {
        const box = await where.at(frame, signal);
        if (box) found.push({ clip: number, frame, box, caption: said === null ? usual : ownCaptionOf(said, trigger) });
        else notes.push(`Frame ${frame} of clip ${number + 1} is left out: the subject was not found in it.`);
        report(++done, asked.length);
      }
    });
  }
  return { examples: found, notes };
}

async function looking(clip: Clip, act: (window: FrameWindow) => Promise<void>): Promise<void> {
  const window = new FrameWindow(clip, WINDOW_BYTES);
  try {
    await act(window);
  } finally {
    await window.close();
  }
}

/** The mean of shapes, in which a tall one and a wide one make a square. */
function shapeOf(boxes: readonly Box[]): Size {
  const mean = (side: (box: Box) => number): number =>
    Math.exp(boxes.reduce((sum, box) => sum + Math.log(side(box)), 0) / boxes.length);
  return { width: mean(({ width }) => width), height: mean(({ height }) => height) };
}
