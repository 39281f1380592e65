import { agreement, type ShotStability } from '../measure/agreement.ts';
import type { Frame, FrameRange } from '../media/frame.ts';
import type { Stretch, Work } from './between.ts';
import { framesIn } from './masks.ts';
import type { Pictures } from './pictures.ts';
import { sourceKey, stabilityKey } from './plan.ts';

const ENTRY = 'stability.json';

/** How keys and frames of each shot agree. What was measured before is taken from the cache. */
export async function stabilityOf(
  { clip, source, engine, cache, code, stages, signal }: Work,
  keys: Pictures,
  stretches: readonly Stretch[],
  cuts: readonly number[],
  painted: (frame: number) => Promise<Frame>,
): Promise<ShotStability[]> {
  const decisive = stretches.flatMap(({ match }) => match);
  for (const key of keys.frames) decisive.push(await keys.identity(key, signal));
  const folder = await cache.open('measure', stabilityKey(sourceKey(clip.identity, code), clip.range, decisive, code));
  const shots = shotsIn(clip.range, cuts);
  const own = shots.map((shot) => keys.frames.filter((key) => key >= shot.from && key < shot.to));
  // Frames that are all keys are looked at once.
  const looks = shots.map((shot, i) => own[i]!.length + (isWhole(shot, own[i]!) ? 0 : shot.to - shot.from));
  const meter = stages.cached(
    'measure',
    'frames',
    looks.reduce((sum, count) => sum + count, 0),
  );

  const stability: ShotStability[] = [];
  for (const [i, shot] of shots.entries()) {
    const measured = await meter.run(looks[i]!, async (report): Promise<ShotStability> => {
      const entry = `${shot.from}.${ENTRY}`;
      if (await folder.has(entry))
        return JSON.parse(new TextDecoder().decode(await folder.read(entry))) as ShotStability;
      const get = (n: number, abort: AbortSignal): Promise<Frame> => source.get(n, abort);
      const tell = (before: number) => (done: number) => report(before + done, looks[i]!);
      const pair = { source: get, result: (n: number, abort: AbortSignal) => keys.get(n, abort) };
      const ofKeys = await agreement(engine, own[i]!, pair, tell(0), signal);
      const ofFrames = isWhole(shot, own[i]!)
        ? ofKeys
        : await agreement(engine, framesIn(shot), { source: get, result: painted }, tell(own[i]!.length), signal);
      const found: ShotStability = { ...shot, keys: ofKeys, frames: ofFrames };
      await folder.write(entry, new TextEncoder().encode(JSON.stringify(found)));
      return found;
    });
    stability.push(measured);
  }
  return stability;
}

const isWhole = ({ from, to }: FrameRange, keys: readonly number[]): boolean => keys.length === to - from;

/** The shots of a range; `cuts` are frames that begin one, ascending. */
function shotsIn({ from, to }: FrameRange, cuts: readonly number[]): FrameRange[] {
  const starts = [from, ...cuts.filter((cut) => cut > from && cut < to)];
  return starts.map((start, i) => ({ from: start, to: starts[i + 1] ?? to }));
}
