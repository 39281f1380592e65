import type { Engine } from '../kernels/engine.ts';
import type { Report } from '../progress.ts';
import { estimateFlow, lumaOf, type Luma } from '../shot/flow.ts';
import type { Footage, MeasuredFrame } from './footage.ts';
import { gradientEnergy, lumaOfPicture, meanSquaredError, pictureOf, psnr, ssim, type Picture } from './similarity.ts';
import { fetched, flicker, fractionVisible, visibility, warpError, type Flow } from './stability.ts';

/** One frame of the result. Null: there is nothing to tell it from (no truth, no neighbour, no motion to follow). */
export type FrameMeasures = {
  readonly frame: number;
  /** Against the truth, RGB, in dB; null also where the two are identical, which `squaredError` 0 tells. */
  readonly psnr: number | null;
  /** Mean squared error against the truth, RGB in 0..1. */
  readonly squaredError: number | null;
  /** Against the truth, of luma. */
  readonly ssim: number | null;
  /** Gradient energy of the result's luma over the truth's: below 1 is softer, above 1 harder. */
  readonly gradientToTruth: number | null;
  /** The same over the source's: a look changes it, but a dip between keys is a loss of detail. */
  readonly gradientToSource: number | null;
  /** 8-bit levels, see stability.ts. */
  readonly warpError: number | null;
  readonly sourceWarpError: number | null;
  readonly flicker: number | null;
  readonly sourceFlicker: number | null;
  /** The part of the frame that can be followed back to the one before, 0..1. */
  readonly visible: number | null;
};

/** A frame that waits for its successor, with the motion between it and its predecessor. */
type Step = {
  readonly measures: FrameMeasures;
  readonly source: Picture;
  readonly result: Picture;
  readonly luma: Luma;
  readonly motion: Motion | null;
};

/** Between a frame and its predecessor: from it back, and from the predecessor to it, each with what can be followed. */
type Motion = {
  readonly back: Flow;
  readonly backVisible: Uint8Array;
  readonly onward: Flow;
  readonly onwardVisible: Uint8Array;
};

/** Measures frame after frame; three frames and the motion between them are in memory, however long the clip. */
export async function* measure(
  engine: Engine,
  footage: Footage,
  report: Report,
  signal: AbortSignal,
): AsyncGenerator<FrameMeasures> {
  const { range } = footage;
  let earlier: Step | null = null;
  let last: Step | null = null;
  try {
    for await (const frame of footage.frames(signal)) {
      const next: Step = await begin(engine, frame, last);
      const done = last && settled(earlier, last, next);
      if (earlier) engine.free(earlier.luma);
      [earlier, last] = [last, next];
      if (done) yield done;
      report(frame.n + 1 - range.from, range.to - range.from);
    }
    if (last) yield last.measures;
  } finally {
    for (const step of [earlier, last]) if (step) engine.free(step.luma);
  }
}

/** What a frame can tell by itself and with its predecessor. */
async function begin(engine: Engine, frame: MeasuredFrame, before: Step | null): Promise<Step> {
  const { width, height } = frame.source;
  const source = pictureOf(frame.source);
  const result = pictureOf(frame.result);
  const truth = frame.truth && pictureOf(frame.truth);
  const lightness = lumaOfPicture(result);
  const energy = gradientEnergy(lightness, width, height);
  const trueLightness = truth && lumaOfPicture(truth);
  const squaredError = truth && meanSquaredError(result, truth);

  const luma = await lumaOf(engine, source);
  const motion = before && (await motionBetween(engine, luma, before.luma, width, height));
  const measures: FrameMeasures = {
    frame: frame.n,
    psnr: squaredError === null ? null : psnr(squaredError),
    squaredError,
    ssim: trueLightness && ssim(lightness, trueLightness, width, height),
    gradientToTruth: trueLightness && ratio(energy, gradientEnergy(trueLightness, width, height)),
    gradientToSource: ratio(energy, gradientEnergy(lumaOfPicture(source), width, height)),
    warpError: motion && warpError(result, fetched(before.result, motion.back), motion.backVisible),
    sourceWarpError: motion && warpError(source, fetched(before.source, motion.back), motion.backVisible),
    flicker: null,
    sourceFlicker: null,
    visible: motion && fractionVisible(motion.backVisible),
  };
  return { measures, source, result, luma, motion };
}

/** Adds what a frame can tell only once both its neighbours are there. */
function settled(before: Step | null, step: Step, after: Step): FrameMeasures {
  if (!before || !step.motion || !after.motion) return step.measures;
  const { back, backVisible } = step.motion;
  const { onward, onwardVisible } = after.motion;
  const both = backVisible.map((v, p) => v & onwardVisible[p]!);
  const of = (which: 'source' | 'result'): number | null =>
    flicker(step[which], fetched(before[which], back), fetched(after[which], onward), both);
  return { ...step.measures, flicker: of('result'), sourceFlicker: of('source') };
}

/** The motion between a frame and the one before it, by their luma. */
export async function motionBetween(
  engine: Engine,
  luma: Luma,
  before: Luma,
  width: number,
  height: number,
): Promise<Motion> {
  const back = await flowBetween(engine, luma, before, width, height);
  const onward = await flowBetween(engine, before, luma, width, height);
  return {
    ...{ back, onward },
    backVisible: visibility(back, onward, width, height),
    onwardVisible: visibility(onward, back, width, height),
  };
}

async function flowBetween(engine: Engine, a: Luma, b: Luma, width: number, height: number): Promise<Flow> {
  const out = engine.alloc(width * height * 8);
  try {
    await estimateFlow(engine, a, b, { width, height, quality: 'fine', out });
    return engine.f32(out, width * height * 2).slice();
  } finally {
    engine.free(out);
  }
}

const ratio = (a: number, b: number): number | null => (b === 0 ? null : a / b);
