import type { Earlier, Painted, PaintedKey, Painter, PaintJob, PaintProgress } from '../painter.ts';
import { type CarriedNoise, carryNoise, ownNoise } from './carry.ts';
import type { Correspondence } from './correspondence.ts';
import { type Consistency, followsPrevious, linksKeys } from './settings.ts';

/** Every key its own noise, all of them the same, or all of a shot that of its first key, carried along the motion. */
export type ShotNoise = 'own' | 'still' | 'carried';

/** The frame whose noise is everybody's: one number, so that a key looks the same in whatever range it is painted. */
const STILL = 0;

/** The keys of one shot, and where what belongs to them is found. */
export type Shot = {
  /** Their frames, ascending. */
  readonly keys: readonly number[];
  /** Of keys that have another seed than the settings': their noise is their own, never carried. */
  readonly seeds: ReadonlyMap<number, number>;
  readonly job: (key: number, signal: AbortSignal) => Promise<Omit<PaintJob, 'noise'>>;
  /** Where the points of one key are found in another. */
  readonly motion: (key: number, other: number, signal: AbortSignal) => Promise<Correspondence>;
  /** What an earlier key became, exactly as it was painted. */
  readonly result: (key: number, signal: AbortSignal) => Promise<Painted>;
};

/** What the keys of a shot are kept alike by. `motion`: whether motion modules do. */
export type ShotSettings = {
  readonly noise: ShotNoise;
  readonly consistency: Consistency;
  readonly motion: boolean;
};

/**
 * How many keys motion modules move together, and how many before them they go on from: with those, two contexts and a half of the
 * length that they were trained on.
 */
const MOTION_WINDOW = 28;
const MOTION_RUN = 4;

/**
 * The keys of a shot as they are painted together: with motion modules in windows of their own length; else the first is alone, since it
 * sets the tone, and those after it go in windows when they see each other, or one by one. Keys and settings alone decide.
 */
export function windowsOf(
  keys: readonly number[],
  { consistency, motion }: Pick<ShotSettings, 'consistency' | 'motion'>,
): number[][] {
  const length = motion ? MOTION_WINDOW : consistency.attention === 'own' ? 1 : consistency.window;
  const alone = motion ? 0 : 1;
  const windows = keys.slice(0, alone).map((key) => [key]);
  for (let i = alone; i < keys.length; i += length) windows.push(keys.slice(i, i + length));
  return windows;
}

/**
 * The keys on whose results, masks and motion a window of the shot depends: itself, the first where it is only brought into line with
 * that, and all before it where each goes on from the last.
 */
export function decisiveFor(
  window: readonly number[],
  keys: readonly number[],
  { noise, consistency, motion }: ShotSettings,
): readonly number[] {
  const follows = noise === 'carried' || motion || consistency.attention !== 'own' || followsPrevious(consistency);
  if (follows) return keys.filter((key) => key <= window.at(-1)!);
  return linksKeys(consistency) && window[0] !== keys[0] ? [keys[0]!, ...window] : window;
}

/** Paints windows of a shot in any order, as long as the results of the keys before are there. */
export type ShotPainter = {
  /** In the order of the window's keys. */
  paint(
    window: readonly number[],
    signal: AbortSignal,
    onProgress?: (progress: PaintProgress) => void,
  ): Promise<Painted[]>;
};

export function openShot(painter: Painter, { noise, consistency, motion }: ShotSettings, shot: Shot): ShotPainter {
  const { keys, seeds } = shot;
  const noiseAt = noise === 'carried' ? carrying(painter, shot) : null;
  let first: PaintedKey | null = null;

  async function noiseOf(key: number, signal: AbortSignal): Promise<PaintJob['noise']> {
    const seed = seeds.get(key);
    const frame = noise === 'still' ? STILL : key;
    if (seed !== undefined) return { seed, frame };
    return noiseAt ? await noiseAt(key, signal) : frame;
  }

  async function jobOf(key: number, signal: AbortSignal): Promise<PaintJob> {
    return { ...(await shot.job(key, signal)), noise: await noiseOf(key, signal) };
  }

  const painted = async (key: number, signal: AbortSignal): Promise<PaintedKey> => ({
    job: await jobOf(key, signal),
    ...(await shot.result(key, signal)),
  });

  async function earlierThan(window: readonly number[], signal: AbortSignal): Promise<Earlier | null> {
    const at = keys.indexOf(window[0]!);
    if (at === 0 || !(motion || linksKeys(consistency))) return null;
    first ??= await painted(keys[0]!, signal);
    const previousKey = keys[at - 1]!;
    const previous = at === 1 ? first : await painted(previousKey, signal);
    const run: PaintedKey[] = [];
    if (motion) {
      for (const key of keys.slice(Math.max(0, at - MOTION_RUN), at - 1)) run.push(await painted(key, signal));
      run.push(previous);
    }
    if (!followsPrevious(consistency)) return { first, previous, motions: null, run };
    const motions: Correspondence[] = [];
    for (const key of window) motions.push(await shot.motion(key, previousKey, signal));
    return { first, previous, motions, run };
  }

  return {
    async paint(window, signal, onProgress) {
      const earlier = await earlierThan(window, signal);
      const jobs: PaintJob[] = [];
      for (const key of window) jobs.push(await jobOf(key, signal));
      return painter.paint({ jobs, earlier }, signal, onProgress);
    },
  };
}

/** The noise of a shot's keys as the motion carries it from each key to the next; for keys in ascending order each step is made once. */
function carrying({ grids }: Painter, { keys, motion }: Shot) {
  type State = { readonly at: number; readonly carried: readonly CarriedNoise[] };
  const begun: State = { at: 0, carried: grids.map((cells) => ownNoise(keys[0]!, cells)) };
  // The key before a window is asked for after it was passed: the last two are kept.
  let kept: readonly State[] = [];
  return async (key: number, signal: AbortSignal) => {
    const at = keys.indexOf(key);
    let state = kept.find((one) => one.at <= at) ?? begun;
    while (state.at < at) {
      const [here, there] = [keys[state.at + 1]!, keys[state.at]!];
      const step = await motion(here, there, signal);
      const before = state;
      const carried = grids.map((cells, pass) => carryNoise(before.carried[pass]!, step, here, cells));
      state = { at: before.at + 1, carried };
      kept = [state, before];
    }
    return state.carried.map(({ origin }) => origin);
  };
}
