import { readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RenderJob } from '../../bridge-server/jobs/job.ts';
import { openClip } from '../../bridge-server/media/clip.ts';
import { ffprobe } from '../../bridge-server/media/ffmpeg.ts';
import type { ShotStability } from '../../bridge-server/measure/agreement.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { readImage, writePng } from '../../bridge-server/media/image.ts';
import { tinyFolder } from '../diffusion/model.ts';
import { makeFolder, removeFolder } from '../jobs/folder.ts';
import { HEIGHT, WIDTH, sceneFolder, sceneMovie } from './footage.ts';
import { hashOf, newInstall, progressIn, rendered, run, start, type Install } from './install.ts';

const FRAMES = 9;
const never = new AbortController().signal;
const GOLDENS = join(import.meta.dirname, '..', 'goldens');

/** A tiny random network with the architecture of SD 1.5: what it paints is nothing to look at, but a picture. */
let tiny: string;
let base: string;
let install: Install;
const desk = (...names: string[]): string => join(install.desk, ...names);
const paint = (...more: string[]): string[] => [
  ...['shot', '--model', tiny, '--prompt', 'a red cat', '--size', '96x64', '--steps', '6', '--every', '4'],
  ...more,
];
/** Another cache and another list of jobs, at the same desk. */
const elsewhere = (name: string): Install => ({ ...install, home: join(base, name) });

const made = new Map<string, Promise<string>>();
/** The hash of what a command writes when nothing disturbs it and nothing lies in a cache. */
function undisturbed(args: (out: string) => string[], name: string): Promise<string> {
  const known = made.get(name) ?? rendered(elsewhere(name), ...args(`${name}/`)).then(() => hashOf(desk(name)));
  made.set(name, known);
  return known;
}
const plain = (): Promise<string> => undisturbed((out) => paint('--out', out), 'plain');

beforeAll(async () => {
  tiny = await tinyFolder('sd15');
  base = await makeFolder();
  install = await newInstall(base);
  await sceneFolder(desk('shot'), FRAMES);
  await sceneMovie(desk('shot.mov'), FRAMES);
  return () => removeFolder(base);
});

describe('render --model', () => {
  it('repaints keys, and every frame between them along the motion, frame for frame', async () => {
    const movie = ['shot.mov', ...paint().slice(1)];
    const result = await rendered(install, ...movie, '--out', 'painted.mov');
    expect(result).toMatchObject({ frames: FRAMES, keys: [{ frame: 0 }, { frame: 4 }, { frame: 8 }] });
    expect(result.stages).toMatchObject({ look: { computed: 3, cached: 0 }, propagate: { computed: 6 } });
    const [{ keys, frames }] = result.stability as [ShotStability];
    expect([keys.count, frames.count]).toEqual([3, FRAMES]);
    // A random network keeps nothing alike; the source itself does.
    expect(keys.warpError!.result).toBeGreaterThan(keys.warpError!.source);
    const clip = { from: 0, to: null, rate: null, alpha: 'straight' } as const;
    const painted = await openClip({ ...clip, path: desk('painted.mov') }, never);
    const source = await openClip({ ...clip, path: desk('shot.mov') }, never);
    expect(painted.range).toEqual(source.range);
    expect(painted.rate).toEqual(source.rate);
    const before: Frame[] = [];
    for await (const frame of source.read(source.range, never)) before.push(frame);
    for await (const frame of painted.read(painted.range, never)) {
      expect(meanDifference(frame.data, before.shift()!.data)).toBeGreaterThan(2000);
    }
  });

  it('gives the same frames for the same request, wherever its files lie, and others for another seed', async () => {
    const { stages } = await rendered(install, ...paint('--out', 'again/'));
    expect(stages.look).toMatchObject({ computed: 3 });
    expect(await hashOf(desk('again'))).toBe(await plain());
    const { stages: cached } = await rendered(install, ...paint('--out', 'again/'));
    expect(cached).toMatchObject({ look: { computed: 0, cached: 3 }, propagate: { computed: 0 } });
    await rendered(install, ...paint('--seed', '1', '--out', 'other seed/'));
    expect(await hashOf(desk('other seed'))).not.toBe(await plain());
  });

  it('reuses the motion when the prompt changes', async () => {
    await rendered(install, ...paint('--out', 'a/'));
    const { stages } = await rendered(install, ...paint('--prompt', 'the blue sea', '--out', 'a/'));
    expect(stages).toMatchObject({
      analyse: { computed: 0, cached: FRAMES },
      look: { computed: 3 },
      match: { computed: 0, cached: 6 },
      propagate: { computed: 6 },
    });
  });

  it('with --every-frame repaints all of them, and analyses nothing', async () => {
    const all = [...paint().slice(0, -2), '--every-frame', '--to', '3', '--seed', '3'];
    const { stages, keys } = await rendered(install, ...all, '--out', 'all/');
    expect(keys).toHaveLength(3);
    expect(stages.look).toMatchObject({ computed: 3 });
    expect(Object.keys(stages)).toEqual(['probe', 'keys', 'look', 'measure', 'deliver']);
  });

  it('repaints only what the mask lets it, and exactly nothing else', async () => {
    const data = new Uint16Array(WIDTH * HEIGHT * 3);
    for (let p = 0; p < WIDTH * HEIGHT; p++) data.fill(p % WIDTH < WIDTH / 2 ? 65535 : 0, 3 * p, 3 * p + 3);
    await mkdir(desk('masks'));
    await writePng(desk('masks', 'left 0.png'), { width: WIDTH, height: HEIGHT, channels: 3, data });
    const masked = await rendered(install, ...paint('--mask', 'masks', '--out', 'masked/'));
    // What is outside is seen by the model too: these are other pictures than without a mask.
    expect(masked.stages.look).toMatchObject({ computed: 3 });
    for (let n = 0; n < FRAMES; n++) {
      const [result, source] = await Promise.all(
        ['masked', 'shot'].map((folder) => readImage(desk(folder, `00000${n}.png`))),
      );
      const half = (samples: Uint16Array, left: boolean) =>
        samples.filter((_, i) => Math.floor(i / 3) % WIDTH < WIDTH / 2 === left);
      expect(half(result!.data, false)).toEqual(half(source!.data, false));
      expect(meanDifference(half(result!.data, true), half(source!.data, true))).toBeGreaterThan(2000);
    }
  });

  it('says how far it is in steps of the sampling, and shows what it paints', async () => {
    const { code, stderr } = await run(
      elsewhere('watched'),
      'render',
      ...paint('--out', 'watched.mp4', '--preview', 'preview.jpg', '--json'),
    );
    expect(code).toBe(0);
    const steps = progressIn(stderr).filter(({ stage }) => stage === 'look');
    const total = steps[0]!.total;
    expect(total).toBeGreaterThan(6);
    expect(steps.map(({ done }) => done)).toEqual(steps.map(({ done }) => done).toSorted((a, b) => a - b));
    expect(steps.at(-1)).toMatchObject({ unit: 'steps', done: total, etaSeconds: 0 });
    expect(steps.find(({ done }) => done === total / 3)?.etaSeconds).toBeGreaterThan(0);
    // A pixel for each cell of the latent.
    expect(await sharp(await readFile(desk('preview.jpg'))).metadata()).toMatchObject({ format: 'jpeg', width: 14 });
  });

  it('embeds in what it makes how it was made, but not where its files lie', async () => {
    await rendered(install, ...paint('--negative', 'été: "50 %" \\ $x;', '--out', 'told.mov'));
    await rendered(install, ...paint('--negative', 'été: "50 %" \\ $x;', '--out', 'told/'));
    let json = '';
    for await (const line of ffprobe(['-show_entries', 'format_tags', '-of', 'json', desk('told.mov')], never)) {
      json += line;
    }
    const { comment } = (JSON.parse(json) as { format: { tags: { comment: string } } }).format.tags;
    const { comments } = await sharp(desk('told', '000000.png')).metadata();
    expect(comments).toEqual([{ keyword: 'Comment', text: comment }]);
    expect(comment).not.toContain(base);
    expect(JSON.parse(comment)).toMatchObject({
      source: { path: 'shot' },
      look: { kind: 'diffusion', prompt: 'a red cat', negative: 'été: "50 %" \\ $x;', seed: 0, steps: 6 },
    });
    expect((await run(install, 'jobs')).stdout).toMatch(/told\.mov +a red cat/);
    const [job] = JSON.parse((await run(install, 'jobs', '--json', '--limit', '1')).stdout) as RenderJob[];
    expect(job!.request.look).toMatchObject({ model: tiny, prompt: 'a red cat' });
  });
});

describe('what interrupts the painting of keys', () => {
  const inTheMiddle = { stage: 'look', after: 3 } as const;
  const begun = (install: Install, ...args: string[]) => {
    const running = start(install, 'render', ...args, '--json');
    const middle = running.said(({ stage, done }) => stage === inTheMiddle.stage && done > inTheMiddle.after);
    return { ...running, middle };
  };
  const many = (out: string) => [...paint().slice(0, -2), '--every-frame', '--steps', '12', '--out', out];
  const expected = (): Promise<string> => undisturbed(many, 'whole');

  it('by kill -9 costs the key at hand; the same command then gives the same bytes', async () => {
    const own = elsewhere('killed');
    const { child, ended, said } = start(own, 'render', ...many('killed/'), '--json');
    await said(({ stage, done, total }) => stage === 'look' && done > total / 3);
    child.kill('SIGKILL');
    expect((await ended).code).toBe(null);
    const { stages } = await rendered(own, ...many('killed/'));
    expect(stages.look!.cached).toBeGreaterThanOrEqual(3);
    expect(stages.look!.cached + stages.look!.computed).toBe(FRAMES);
    expect(await hashOf(desk('killed'))).toBe(await expected());
  });

  it.runIf(process.platform === 'linux')('by the death of the runtime costs one step', async () => {
    const { child, ended, middle } = begun(elsewhere('crashed'), ...many('crashed/'));
    await middle;
    process.kill(runtimeOf(child.pid!)!, 'SIGKILL');
    expect((await ended).code).toBe(0);
    expect(await hashOf(desk('crashed'))).toBe(await expected());
  });

  it.runIf(process.platform === 'linux')('by Ctrl-C ends it, and the runtime with it', async () => {
    const own = elsewhere('cancelled');
    const { child, ended, middle } = begun(own, ...many('cancelled/'));
    await middle;
    const runtime = runtimeOf(child.pid!)!;
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    while (isRunning(runtime)) await new Promise((resolve) => setTimeout(resolve, 20));
    await rendered(own, ...many('cancelled/'));
    expect(await hashOf(desk('cancelled'))).toBe(await expected());
  });
});

describe('a model that cannot paint is refused before anything is done', () => {
  const refused = async (args: readonly string[], own = install) => {
    const { code, stdout, stderr } = await run(own, 'render', ...args, '--out', 'refused.mov');
    expect(stdout).toBe('');
    const lines = stderr.trim().split('\n');
    expect(lines, stderr).toHaveLength(2);
    expect((await run(own, 'jobs', '--json')).stdout).not.toContain('refused.mov');
    return { code, said: stderr };
  };
  const model = (file: string, ...more: string[]): string[] => ['shot', '--model', file, '--prompt', 'x', ...more];

  beforeAll(async () => {
    const checkpoint = join(GOLDENS, 'tiny-sd15', 'single-file', 'tiny-sd15-fp16.safetensors');
    const bytes = await readFile(checkpoint);
    await writeFile(desk('empty.safetensors'), '');
    await writeFile(desk('short.safetensors'), bytes.subarray(0, bytes.length - 1000));
    await writeFile(desk('pickle.safetensors'), Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), bytes]));
    await writeFile(
      desk('lora.safetensors'),
      tensors({ 'lora_unet_x.lora_down.weight': [4, 8], 'lora_unet_x.lora_up.weight': [8, 4] }),
    );
    await writeFile(desk('word.safetensors'), tensors({ emb_params: [2, 1024] }));
    await copyFile(
      join(GOLDENS, 'tiny-sd15', 'diffusers', 'vae', 'diffusion_pytorch_model.safetensors'),
      desk('vae.safetensors'),
    );
  });

  it.each([
    ['that is not there', () => model('no such.safetensors'), 1, /There is no model file .*no such/],
    ['that nobody knows', () => model('dreams'), 2, /There is no model dreams in the store/],
    ['that is empty', () => model('empty.safetensors'), 1, /empty\.safetensors is damaged: it is empty/],
    ['that was cut short', () => model('short.safetensors'), 1, /cut short/],
    ['that is a pickle', () => model('pickle.safetensors'), 1, /pickle[^]*\.safetensors/],
    ['that is a LoRA', () => model('lora.safetensors'), 1, /cannot be used as the model: .* LoRA/],
    [
      'whose words are not those of its vocabulary',
      () => model(join(GOLDENS, 'tiny-sd15', 'diffusers')),
      1,
      /knows 1000 words[^]*tokenizer\/vocab\.json/,
    ],
    ['that is a VAE', () => model('vae.safetensors'), 1, /cannot be used as the model: .* VAE/],
    ['with a LoRA for a VAE', () => model(tiny, '--vae', 'lora.safetensors'), 1, /as the VAE/],
    [
      'with a VAE of another family',
      () => model(tiny, '--vae', join(GOLDENS, 'tiny-sdxl/diffusers/vae')),
      1,
      /other latents/,
    ],
    ['with an embedding of another family', () => model(tiny, '--embedding', 'word.safetensors'), 1, /2\.1[^]*1\.5/],
    ['beside a look', () => model(tiny, '--look', 'ink'), 2, /--look ink[^]*Leave out --look/],
    ['for own keys', () => model(tiny, '--keys', 'shot'), 2, /--keys[^]*Leave out/],
    ['with a strength of nothing', () => model(tiny, '--strength', '0'), 2, /above 0/],
    ['with too many steps', () => model(tiny, '--steps', '1000'), 2, /200/],
    ['with an unknown scheduler', () => model(tiny, '--scheduler', 'magic'), 2, /magic[^]*--help/],
    ['at a size for no network', () => model(tiny, '--size', '8x8'), 2, /64x64/],
  ] as const)('%s', async (_, args, code, words) => {
    const { said, ...result } = await refused(args());
    expect(result).toEqual({ code });
    expect(said).toMatch(words);
  });

  it('and one that is not named is found when it is the only one', async () => {
    const own = elsewhere('store');
    const prompt = ['shot', '--prompt', 'x', '--size', '64x64', '--steps', '2', '--every-frame', '--to', '1'];
    expect(await refused(prompt, own)).toMatchObject({ code: 2, said: expect.stringMatching(/models add/) as string });
    await run(own, 'models', 'add', tiny);
    await rendered(own, ...prompt, '--out', 'found/');
    expect(await readdir(desk('found'))).toEqual(['000000.png']);
    await run(own, 'models', 'add', join(GOLDENS, 'tiny-sd15', 'single-file', 'tiny-sd15-fp16.safetensors'));
    const { code, said } = await refused(prompt, own);
    expect(code).toBe(2);
    expect(said).toMatch(/the store has 2[^]*tiny-sd15-fp16/);
  });
});

/** Of 65535. */
function meanDifference(a: Uint16Array, b: Uint16Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

/** The inference process of a command that runs. */
function runtimeOf(parent: number): number | undefined {
  return readdirSync('/proc')
    .map(Number)
    .find((pid) => {
      try {
        const isChild =
          readFileSync(`/proc/${pid}/stat`, 'utf8')
            .replace(/^.*\) /s, '')
            .split(' ')[1] === String(parent);
        return isChild && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('runtime/child');
      } catch {
        return false;
      }
    });
}

function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** A .safetensors file of zeros. */
function tensors(shapes: Record<string, number[]>): Buffer {
  let at = 0;
  const header = Object.entries(shapes).map(([name, shape]) => {
    const from = at;
    at += 2 * shape.reduce((product, side) => product * side, 1);
    return [name, { dtype: 'F16', shape, data_offsets: [from, at] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, Buffer.alloc(at)]);
}
