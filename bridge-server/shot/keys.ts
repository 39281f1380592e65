import { Failure } from '../errors.ts';
import type { FrameScore, ShotAnalysis } from './analyse.ts';
import type { RenderRequest } from '../protocol/request.ts';
import type { KeyReason } from './key-reasons.ts';
import { explain } from './key-reasons.ts';
import { lossOf } from './loss.ts';

export type { KeyReason } from './key-reasons.ts';

/** A key frame and why it is one: a stable word, and one sentence for the editor. */
export type KeyChoice = { readonly frame: number; readonly reason: KeyReason; readonly explanation: string };

/**
 * Expected error at which a frame needs a key nearer by, in the unit of loss.ts: a key frame's worth of change lies between
 * two keys when the error half-way between them reaches a quarter.
 */
const WORST_BETWEEN = 0.25;
/** What a blurred key costs: its own weakness is in every frame that is made from it. */
const BLUR_COST = 2;
/** A key that would save less than this is left out, though the budget allows it: nothing moves there. */
const LEAST_GAIN = 0.02;
/** Longer shots are thinned to so many candidates, the sharpest of each stretch. */
const MOST_CANDIDATES = 1500;
/** Frames to either side that a candidate's sharpness is compared with. */
const SHARPNESS_REACH = 6;

/**
 * The key frames, in order.
 *
 * `auto`: by content, at least one in each shot. Expects an error for every frame from how much moved, appeared, vanished and
 * changed between it and the keys on both sides (none across a cut) and finds by dynamic programming the keys with the least:
 * without a budget the fewest that keep every frame under a threshold, which for ordinary motion is one in 10 to 30 frames;
 * with a budget at most that many, for the least error in sum. Blurred frames are avoided. Throws Failure('key-budget') when
 * the budget is smaller than the number of shots.
 *
 * `every`: every step-th frame from the range's first, and the first frame of each shot that would have none. Needs no scores.
 */
export function chooseKeys(
  analysis: ShotAnalysis,
  how: Extract<RenderRequest['keys'], { kind: 'auto' | 'every' }>,
): KeyChoice[] {
  switch (how.kind) {
    case 'every':
      return everyStep(analysis, how.step);
    case 'auto':
      return byContent(analysis, how.budget);
  }
}

function byContent(analysis: ShotAnalysis, budget: number | null): KeyChoice[] {
  if (analysis.scores.length === 0) return [];
  const shots = shotsOf(analysis);
  if (budget === null) return explained(shots, shots.flatMap(fewest));
  if (budget < shots.length) throw new Failure('key-budget', { budget, shots: shots.length });
  return explained(shots, withinBudget(shots, budget));
}

function everyStep({ range, cuts }: ShotAnalysis, step: number): KeyChoice[] {
  const keys: KeyChoice[] = [];
  for (let frame = range.from; frame < range.to; frame += step) keys.push(explain.step(frame, step));
  const starts = cuts.filter((cut) => cut > range.from && cut < range.to);
  for (const [i, start] of starts.entries()) {
    const end = starts[i + 1] ?? range.to;
    const next = start + ((step - ((start - range.from) % step)) % step);
    if (next >= end) keys.push(explain.begins(start));
  }
  return keys.sort((a, b) => a.frame - b.frame);
}

/** A shot as the choice sees it: its frames, and prefix sums of the loss from one to the next. */
export type Shot = {
  readonly scores: readonly FrameScore[];
  /** Loss between the shot's first frame and frame i. */
  readonly loss: readonly number[];
  /** Sums of `loss` and of its square over the frames before i. */
  readonly sum: readonly number[];
  readonly squares: readonly number[];
};

function shotsOf({ cuts, scores }: ShotAnalysis): Shot[] {
  const first = scores[0]!.frame;
  const starts = [0, ...cuts.map((cut) => cut - first).filter((at) => at > 0 && at < scores.length)];
  return starts.map((start, i) => {
    const own = scores.slice(start, starts[i + 1] ?? scores.length);
    const loss: number[] = [];
    const sum = [0];
    const squares = [0];
    let total = 0;
    for (const [at, score] of own.entries()) {
      if (at > 0) total += lossOf(score);
      loss.push(total);
      sum.push(sum[at]! + total);
      squares.push(squares[at]! + total * total);
    }
    return { scores: own, loss, sum, squares };
  });
}

/**
 * Expected error in sum over the frames strictly between two keys of a shot. A frame that is a from the one and b from the
 * other is expected to be a*b/(a+b) wrong, because of two pictures the better counts for more; a+b is the same for all of
 * them, so prefix sums give the sum. With one key only the distance to it counts.
 */
function between({ loss, sum, squares }: Shot, before: number, after: number): number {
  const length = loss[after]! - loss[before]!;
  if (length <= 0) return 0;
  const count = after - before - 1;
  const total = sum[after]! - sum[before + 1]!;
  const square = squares[after]! - squares[before + 1]!;
  return Math.max(0, ((loss[before]! + loss[after]!) * total - square - loss[before]! * loss[after]! * count) / length);
}
const beforeFirst = ({ loss, sum }: Shot, key: number): number => loss[key]! * key - sum[key]!;
const afterLast = ({ loss, sum }: Shot, key: number): number => {
  const n = loss.length;
  return sum[n]! - sum[key + 1]! - loss[key]! * (n - key - 1);
};

/** What a key costs by itself: nothing when it is as sharp as the sharpest around it. */
function blurOf({ scores }: Shot, at: number): number {
  const around = scores.slice(Math.max(0, at - SHARPNESS_REACH), at + SHARPNESS_REACH + 1);
  const sharpest = Math.max(...around.map(({ sharpness }) => sharpness));
  return sharpest > 0 ? BLUR_COST * Math.max(0, 1 - scores[at]!.sharpness / sharpest) : 0;
}

function candidatesOf(shot: Shot): number[] {
  const n = shot.scores.length;
  const every = Math.ceil(n / MOST_CANDIDATES);
  return Array.from({ length: Math.ceil(n / every) }, (_, i) => {
    let best = i * every;
    for (let at = best; at < Math.min(n, (i + 1) * every); at++) {
      if (shot.scores[at]!.sharpness > shot.scores[best]!.sharpness) best = at;
    }
    return best;
  });
}

/** The fewest keys under the threshold, and of these the ones with the least expected error. */
function fewest(shot: Shot): number[] {
  const candidates = candidatesOf(shot);
  const { loss } = shot;
  const best: { keys: number; cost: number; previous: number }[] = [];
  // Half-way between keys a frame is a quarter of the loss between them wrong; beyond the last key, all of it.
  const farBetween = 4 * WORST_BETWEEN;
  let answer = { keys: Infinity, cost: Infinity, last: -1 };
  const better = (a: { keys: number; cost: number }, b: { keys: number; cost: number }): boolean =>
    a.keys < b.keys || (a.keys === b.keys && a.cost < b.cost);
  for (const [j, at] of candidates.entries()) {
    const blur = blurOf(shot, at);
    let own = { keys: Infinity, cost: Infinity, previous: -1 };
    if (loss[at]! <= WORST_BETWEEN || j === 0) own = { keys: 1, cost: blur + beforeFirst(shot, at), previous: -1 };
    for (let i = j - 1; i >= 0; i--) {
      const from = candidates[i]!;
      // The nearest candidate is always allowed: nothing nearer can be had.
      if (loss[at]! - loss[from]! > farBetween && i < j - 1) break;
      const cost = best[i]!.cost + blur + between(shot, from, at);
      const keys = best[i]!.keys + 1;
      if (better({ keys, cost }, own)) own = { keys, cost, previous: i };
    }
    best.push(own);
    if (loss.at(-1)! - loss[at]! <= WORST_BETWEEN || j === candidates.length - 1) {
      const whole = { keys: own.keys, cost: own.cost + afterLast(shot, at), last: j };
      if (better(whole, answer)) answer = whole;
    }
  }
  const keys: number[] = [];
  for (let j = answer.last; j >= 0; j = best[j]!.previous) keys.push(shot.scores[candidates[j]!]!.frame);
  return keys.reverse();
}

/** At most `budget` keys over all shots with the least expected error in sum: first how each shot would spend k, then who gets how many. */
function withinBudget(shots: readonly Shot[], budget: number): number[] {
  const spare = budget - shots.length;
  const plans = shots.map((shot) => bestByCount(shot, Math.min(shot.scores.length, 1 + spare)));
  // spent[s][k]: least cost of the first s shots with k keys beyond one each.
  let spent: { cost: number; counts: number[] }[] = [{ cost: 0, counts: [] }];
  for (const plan of plans) {
    const next: { cost: number; counts: number[] }[] = [];
    for (let k = 0; k <= spare; k++) {
      let least = { cost: Infinity, counts: new Array<number>() };
      for (const [own, { cost }] of plan.entries()) {
        const before = spent[Math.min(k - own, spent.length - 1)];
        if (own > k || !before) continue;
        // Each key has to be worth its while, or an equal sum with fewer keys wins.
        const whole = before.cost + cost + own * LEAST_GAIN;
        if (whole < least.cost) least = { cost: whole, counts: [...before.counts, own] };
      }
      next.push(least);
    }
    spent = next;
  }
  return spent.at(-1).counts.flatMap((count, i) => plans[i]![count]!.keys);
}

/** For 1, 2, … `most` keys the best choice in one shot. */
function bestByCount(shot: Shot, most: number): { cost: number; keys: number[] }[] {
  const candidates = candidatesOf(shot);
  const blur = candidates.map((at) => blurOf(shot, at));
  const layers: { cost: number; previous: number }[][] = [
    candidates.map((at, j) => ({ cost: blur[j]! + beforeFirst(shot, at), previous: -1 })),
  ];
  const plans: { cost: number; keys: number[] }[] = [];
  for (let k = 0; k < Math.min(most, candidates.length); k++) {
    if (k > 0) {
      const last = layers[k - 1]!;
      layers.push(
        candidates.map((at, j) => {
          let least = { cost: Infinity, previous: -1 };
          for (let i = j - 1; i >= k - 1; i--) {
            // Grows with the distance: when it alone is too much, so is everything further off.
            const span = between(shot, candidates[i]!, at);
            if (span >= least.cost) break;
            const cost = last[i]!.cost + span;
            if (cost < least.cost) least = { cost, previous: i };
          }
          return { cost: least.cost + blur[j]!, previous: least.previous };
        }),
      );
    }
    let least = { cost: Infinity, last: -1 };
    for (const [j, { cost }] of layers[k]!.entries()) {
      const whole = cost + afterLast(shot, candidates[j]!);
      if (whole < least.cost) least = { cost: whole, last: j };
    }
    const keys: number[] = [];
    for (let layer = k, j = least.last; layer >= 0; j = layers[layer]![j]!.previous, layer--) {
      keys.push(shot.scores[candidates[j]!]!.frame);
    }
    plans.push({ cost: least.cost, keys: keys.reverse() });
  }
  return plans;
}

function explained(shots: readonly Shot[], keys: readonly number[]): KeyChoice[] {
  return shots.flatMap(({ scores }) => {
    const first = scores[0]!.frame;
    const own = keys.filter((key) => key >= first && key < first + scores.length);
    return own.map((frame, i) => {
      const previous = own[i - 1];
      if (previous === undefined) return explain.first(frame, first, scores.length, own.length === 1, shots.length > 1);
      return explain.since(frame, previous, scores.slice(previous - first + 1, frame - first + 1));
    });
  });
}
