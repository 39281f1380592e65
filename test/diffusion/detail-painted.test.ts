import { afterAll, describe, expect, it } from 'vitest';
import { type Placement, placementsOf } from '../../bridge-server/diffusion/detail.ts';
import { openPainter, type PaintJob, type PaintSettings } from '../../bridge-server/diffusion/painter.ts';
import { openRuntime } from '../../bridge-server/diffusion/profile.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { openModel } from '../../bridge-server/weights/model.ts';
import { tinyFolder, TINY_SETTINGS, waves } from './model.ts';

const { signal } = new AbortController();
const runtime = openRuntime('fast');
afterAll(() => runtime.close());
const model = await openModel(await tinyFolder('sd15'));
const size = { width: 120, height: 80 };
const FRAME = waves(size, 3);
const SETTINGS: PaintSettings = TINY_SETTINGS;
const JOB: PaintJob = {
  ...{ frame: FRAME, prompt: 'a cat', fade: null, regions: [], size, mask: null, maps: [], details: [], noise: 0 },
};
const FEATHER = 4;
const DETAIL = { prompt: 'a face', strength: 0.5, feather: FEATHER };
const placed = (x: number, y: number): Placement =>
  placementsOf(new Map([[0, { x, y, width: 20, height: 16 }]]), FEATHER, size).get(0)!;

async function paint(change: Partial<PaintJob>, settings: Partial<PaintSettings> = {}) {
  const options = { runtime, settings: { ...SETTINGS, ...settings }, profile: 'fast', pictures: 1, size } as const;
  const painter = await openPainter(model, options);
  const seen: number[] = [];
  const [painted] = await painter.paint({ jobs: [{ ...JOB, ...change }], earlier: null }, signal, ({ done, total }) => {
    seen.push(done);
    expect(done).toBeLessThanOrEqual(total);
  });
  return { picture: painted!.picture, seen, steps: painter.steps };
}

/** The pixels that differ, by their distance from the box. */
function differences(a: Frame, b: Frame, { box }: Placement): { inside: number; beyond: number } {
  const counts = { inside: 0, beyond: 0 };
  for (let p = 0; p < size.width * size.height; p++) {
    if (![0, 1, 2].some((c) => a.data[3 * p + c] !== b.data[3 * p + c])) continue;
    const [x, y] = [p % size.width, Math.floor(p / size.width)];
    const dx = Math.max(box.x - x, x - (box.x + box.width - 1), 0);
    const dy = Math.max(box.y - y, y - (box.y + box.height - 1), 0);
    if (Math.hypot(dx, dy) > FEATHER) counts.beyond++;
    else if (dx === 0 && dy === 0) counts.inside++;
  }
  return counts;
}

describe('a painted detail', () => {
  it.each([
    ['in the middle', placed(40, 30)],
    ['in a corner', placed(0, 64)],
  ])('%s changes all of its box, and nothing beyond its feather', async (_, placement) => {
    const plain = await paint({});
    const detailed = await paint({ details: [placement] }, { details: [DETAIL] });
    const { inside, beyond } = differences(plain.picture, detailed.picture, placement);
    expect(beyond).toBe(0);
    expect(inside).toBeGreaterThan(0.9 * 20 * 16);
    expect(detailed.seen).toEqual(Array.from({ length: detailed.steps }, (__, i) => i + 1));
    expect(detailed.steps).toBeGreaterThan(plain.steps);
  });

  it('follows its own prompt, or that of the picture, and its strength', async () => {
    const placement = placed(40, 30);
    const by = async (settings: Partial<typeof DETAIL> | { prompt: null }) =>
      (await paint({ details: [placement] }, { details: [{ ...DETAIL, ...settings }] })).picture;
    const face = await by({});
    expect(differences(face, await by({ prompt: 'the sea' }), placement).inside).toBeGreaterThan(100);
    expect(await by({ prompt: null })).toEqual(await by({ prompt: 'a cat' }));
    expect(differences(face, await by({ strength: 1 }), placement).inside).toBeGreaterThan(100);
  });

  it('that is not seen is not painted, and several are painted one after the other', async () => {
    const plain = await paint({});
    const [a, b] = [placed(10, 10), placed(80, 50)];
    const two = { details: [DETAIL, { ...DETAIL, prompt: 'the sea' }] };
    expect((await paint({ details: [null, null] }, two)).picture).toEqual(plain.picture);
    const both = (await paint({ details: [a, b] }, two)).picture;
    const onlyA = (await paint({ details: [a, null] }, two)).picture;
    expect(differences(both, onlyA, b)).toMatchObject({ beyond: 0 });
    expect(differences(onlyA, plain.picture, a)).toMatchObject({ beyond: 0 });
    expect(differences(both, onlyA, b).inside).toBeGreaterThan(200);
  });

  it('stays within the mask of the picture', async () => {
    const data = Float32Array.from({ length: size.width * size.height }, (_, i) => Number(i % size.width < 50));
    const mask = { channels: 1, ...size, data };
    const { picture } = await paint({ mask, details: [placed(40, 30)] }, { details: [DETAIL] });
    for (let p = 0; p < size.width * size.height; p++) {
      if (p % size.width < 50) continue;
      for (let c = 0; c < 3; c++) expect(picture.data[3 * p + c]).toBe(FRAME.data[3 * p + c]);
    }
  });
});
