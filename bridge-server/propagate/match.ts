import { withBlocks, type Device } from '../kernels/device.ts';
import type { Block } from '../kernels/heap.ts';
import type { StageFolder } from '../jobs/stage-folder.ts';
import type { Report } from '../progress.ts';
import { estimateFlow } from '../shot/flow.ts';
import { PatchSearch, fillName } from './fill.ts';
import { Lights, inLight } from './light.ts';
import { loadMap, mapName, storeMap } from './maps.ts';
import { Mixture } from './mixture.ts';
import { guideBytes, loadGuide, stagingBytes } from './pictures.ts';
import type { Source } from './pictures.ts';
import type { Span } from './spans.ts';
import { Writes } from './writes.ts';

const REFINEMENTS = 1;

/** Frames whose map to one key is made, in this order: each goes on from the map of the one before it, the first from the key. */
type Walk = { readonly key: number; readonly frames: readonly number[] };

/**
 * Where every pixel of every frame of the span is found in its keys, by the source alone; and for two keys where the pixels of each are
 * found in the other; and patches for what is in neither. Entries `mapName(frame, key)` and `fillName(frame)` of `folder`; those that are there are kept, so that it goes on where it was
 * interrupted.
 */
export async function matchSpan(
  device: Device,
  span: Span,
  source: Source,
  folder: StageFolder,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const walks = walksOf(span);
  const total = walks.reduce((sum, { frames }) => sum + frames.length, 0) + span.to - span.from;
  const lights = new Lights(source, span);
  let done = 0;
  for (const walk of walks) {
    await follow(device, walk, source, lights, folder, () => report(++done, total), signal);
  }
  await fillGaps(device, span, source, folder, () => report(++done, total), signal);
}

function walksOf({ before, after, from, to }: Span): Walk[] {
  const frames = Array.from({ length: to - from }, (_, i) => from + i);
  const forward = before === null ? [] : [{ key: before, frames: after === null ? frames : [...frames, after] }];
  const backwards = frames.toReversed();
  const backward = after === null ? [] : [{ key: after, frames: before === null ? backwards : [...backwards, before] }];
  return [...forward, ...backward];
}

async function follow(
  device: Device,
  { key, frames }: Walk,
  source: Source,
  lights: Lights,
  folder: StageFolder,
  done: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { width, height } = source;
  const size = { width, height };
  const pixels = width * height;
  const blocks: Block[] = [];
  const alloc = (bytes: number): Block => {
    const block = device.alloc(bytes);
    blocks.push(block);
    return block;
  };
  const writes = new Writes();
  try {
    const keyGuide = alloc(guideBytes(width, height));
    const guide = alloc(guideBytes(width, height));
    const keyLuma = alloc(pixels);
    let luma = alloc(pixels);
    let lastLuma = alloc(pixels);
    const step = alloc(8 * pixels);
    const lastMap = alloc(8 * pixels);
    /** The frame whose luma and map are in lastLuma and lastMap. */
    let last = key;

    // Flow needs more than all the rest together: whatever need not outlast it is taken for a moment only.
    const forGuide = [stagingBytes(width, height), 4 * pixels + 4];
    const forMap = [8 * pixels, Math.max(8 * pixels, await device.run('refineMapBytes', width, height))];
    const load = (from: Source, n: number, into: Block, lumaInto: Block | null): Promise<void> =>
      withBlocks(device, forGuide, (staging, scratch) =>
        loadGuide(device, from, n, staging, scratch, into.pointer, lumaInto?.pointer ?? 0, signal),
      );
    let ready = false;
    let previous = key;
    for (const n of frames) {
      signal.throwIfAborted();
      const name = mapName(n, key);
      if (await folder.has(name)) {
        previous = n;
        done();
        continue;
      }
      if (!ready) {
        await load(source, key, keyGuide, keyLuma);
        await device.run('copyWords', keyLuma.pointer, lastLuma.pointer, keyLuma.bytes >> 2);
        await device.run('fillWords', lastMap.pointer, 2 * pixels, 0);
        ready = true;
      }
      if (last !== previous) {
        await load(source, previous, guide, lastLuma);
        const before = mapName(previous, key);
        await withBlocks(device, [4 * pixels], (packed) => loadMap(device, lastMap, size, packed, folder, before));
      }
      await load(source, n, guide, luma);
      await estimateFlow(device, luma, lastLuma, { ...size, quality: 'fine', out: step });
      const { written } = await withBlocks(device, forMap, async (map, scratch) => {
        await device.run('mapAlong', step.pointer, lastMap.pointer, width, height, map.pointer);
        const asMapped = async (): Promise<Float32Array> => new Float32Array(await device.read(map, 8 * pixels));
        const light = await lights.between(n, key, asMapped, signal);
        if (light) await load(inLight(source, light), n, guide, null);
        const both = [guide.pointer, keyGuide.pointer, width, height, map.pointer] as const;
        signal.throwIfAborted();
        await device.run('mapBorrow', ...both, step.pointer);
        await device.run('mapBetter', ...both, step.pointer, scratch.pointer, scratch.pointer + 4 * pixels);
        await device.run('mapRefine', ...both, REFINEMENTS, scratch.pointer);
        const stored = await storeMap(device, map, size, scratch, folder, name);
        await device.run('copyWords', map.pointer, lastMap.pointer, 2 * pixels);
        return stored;
      });
      await writes.add(written.then(done));
      previous = n;
      last = n;
      [luma, lastLuma] = [lastLuma, luma];
    }
    await writes.done();
  } finally {
    await writes.ended();
    device.free(...blocks);
  }
}

/** Finds patches of the keys for what the maps do not explain, frame by frame. */
async function fillGaps(
  device: Device,
  span: Span,
  source: Source,
  folder: StageFolder,
  done: () => void,
  signal: AbortSignal,
): Promise<void> {
  let mixture: Mixture | null = null;
  let search: PatchSearch | null = null;
  try {
    for (let n = span.from; n < span.to; n++) {
      signal.throwIfAborted();
      if (!(await folder.has(fillName(n)))) {
        mixture ??= await Mixture.open(device, span, source, folder, signal);
        search ??= await PatchSearch.open(mixture);
        await mixture.load(n, signal);
        await search.fill(n, folder);
      }
      done();
    }
  } finally {
    mixture?.close();
  }
}
