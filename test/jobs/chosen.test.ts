import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Jobs } from '../../bridge-server/jobs/queue.ts';
import { readImage, writePng } from '../../bridge-server/media/image.ts';
import type { ChosenKeys, DiffusionLook, RenderRequest } from '../../bridge-server/protocol/request.ts';
import { HEIGHT, sceneFolder, sceneKeys, WIDTH } from '../cli/footage.ts';
import { tinyFolder } from '../diffusion/model.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { someDiffusion, someRequest } from './request.ts';

/** Keys that are chosen one by one: what depends on a changed one is made again, and nothing else. */
const FRAMES = 9;
const signal = new AbortController().signal;

let base: string;
let tiny: string;
let jobs: Jobs;
const image = (n: number): string => join(base, 'own', `key_${n}.png`);

beforeAll(async () => {
  base = await makeFolder();
  tiny = await tinyFolder('sd15');
  await sceneFolder(join(base, 'shot'), FRAMES);
  await sceneKeys(join(base, 'own'), FRAMES, [4]);
  jobs = Jobs.open({ data: join(base, 'data'), cache: join(base, 'cache') });
  return async () => {
    await jobs.close();
    await removeFolder(base);
  };
});

type Picture = ChosenKeys[number]['picture'];
const painted: Picture = { kind: 'painted' };
const seeded = (seed: number): Picture => ({ kind: 'repainted', seed });
const own = (): Picture => ({ kind: 'image', path: image(4) });
const chosen = (pictures: Readonly<Record<number, Picture>>): RenderRequest['keys'] => ({
  kind: 'chosen',
  keys: Object.entries(pictures).map(([frame, picture]) => ({ frame: Number(frame), picture })),
});
const three = (at4: Picture, at8: Picture = painted): RenderRequest['keys'] => chosen({ 0: painted, 4: at4, 8: at8 });

/** How many keys and frames between them had to be made. */
async function made(
  keys: RenderRequest['keys'],
  look: Partial<DiffusionLook> = {},
): Promise<{ look: number; propagate: number }> {
  const request = someRequest({
    source: { path: join(base, 'shot'), from: 0, to: null, rate: null, alpha: 'straight' },
    keys,
    look: someDiffusion({ model: tiny, steps: 2, area: 64 * 64, ...look }),
    output: { kind: 'images', folder: join(base, 'out') },
  });
  const { id } = await jobs.settled(jobs.submit({ kind: 'render', request }).id, signal);
  const { state } = jobs.render(id);
  if (state.state !== 'done') throw new Error(JSON.stringify(state));
  const count = (stage: 'look' | 'propagate'): number => state.result.stages[stage]?.computed ?? 0;
  return { look: count('look'), propagate: count('propagate') };
}

const delivered = async (n: number): Promise<Uint16Array> => (await readImage(join(base, 'out', `00000${n}.png`))).data;

describe('keys that are chosen one by one', () => {
  it('are those that a plan would choose, and share what it made', async () => {
    expect(await made({ kind: 'every', step: 4 })).toEqual({ look: 3, propagate: 6 });
    const planned = await delivered(2);
    expect(await made(three(painted))).toEqual({ look: 0, propagate: 0 });
    expect(await delivered(2)).toEqual(planned);
  });

  it('change alone: another seed paints one key, and the frames on both its sides', async () => {
    const before = await delivered(0);
    expect(await made(three(painted, seeded(5)))).toEqual({ look: 1, propagate: 3 });
    expect(await made(three(seeded(5)))).toEqual({ look: 1, propagate: 6 });
    expect(await delivered(0)).toEqual(before);
    const reseeded = await delivered(4);
    // The look's own seed is no other.
    expect(await made(three(seeded(0)))).toEqual({ look: 0, propagate: 0 });
    // It is the picture that the look paints with that seed.
    await made(three(painted), { seed: 5 });
    expect(await delivered(4)).toEqual(reseeded);
  });

  it("are replaced by the artist's own image, which nothing repaints", async () => {
    expect(await made(three(own()))).toEqual({ look: 0, propagate: 6 });
    expect(await delivered(4)).toEqual((await readImage(image(4))).data);
    // Painted over, it is another picture.
    const first = await delivered(2);
    const data = new Uint16Array(WIDTH * HEIGHT * 3).fill(9000);
    await writePng(image(4), { width: WIDTH, height: HEIGHT, channels: 3, data });
    expect(await made(three(own()))).toEqual({ look: 0, propagate: 6 });
    expect(await delivered(2)).not.toEqual(first);
  });

  it('are added: only the stretch that a new one divides is made again', async () => {
    expect(await made(chosen({ 0: painted, 2: painted, 4: painted, 8: painted }))).toEqual({ look: 1, propagate: 2 });
  });

  it('redo those that depend on them, where keys are linked', async () => {
    const { consistency } = someDiffusion();
    const linked = { consistency: { ...consistency, start: 0.5 } };
    expect((await made(three(painted), linked)).look).toBe(3);
    expect((await made(three(seeded(5)), linked)).look).toBe(2);
    expect((await made(three(painted, seeded(5)), linked)).look).toBe(1);
  });
});
