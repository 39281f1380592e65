import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { duration, progressTeller } from '../../bridge-server/commands/say.ts';
import type { RenderResult } from '../../bridge-server/jobs/job.ts';
import { contactSheet, type SheetCell } from '../../bridge-server/measure/contact-sheet.ts';
import { openClip } from '../../bridge-server/media/clip.ts';
import { openMovie } from '../../bridge-server/media/encode.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import type { Progress } from '../../bridge-server/progress.ts';
import { makeScene } from './scene.ts';

// What `npm start` shows: the sample shot, repainted by the same command line that everyone uses. `npm start -- docs/sample.png`
// also writes the sheet there, small enough for a README.

const SCENE = { kind: 'arms', seed: 7, width: 640, height: 360, frames: 40 } as const;
const RATE = { num: 24, den: 1 };
const LOOK = 'ink';
const COLUMNS = 5;

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'out', 'sample');
const source = join(folder, 'shot.mp4');
const clip = join(folder, `shot-${LOOK}.mp4`);
const sheet = join(folder, 'contact-sheet.png');
const never = new AbortController().signal;

await mkdir(folder, { recursive: true });
// What an earlier run left must not pass for what this one makes.
await Promise.all([source, clip, sheet].map((path) => rm(path, { force: true })));
say('Drawing the sample shot');
await drawShot();
const result = await render();
await writeFile(sheet, await drawSheet(result, { cellWidth: 384 }));
const readme = process.argv[2];
if (readme !== undefined) await writeFile(readme, await drawSheet(result, { cellWidth: 236, colours: 96 }));
const show = (path: string): string => relative(process.cwd(), path) || path;
const seconds = (SCENE.frames * RATE.den) / RATE.num;
process.stdout.write(`
A shot of ${SCENE.frames} frames (${seconds.toFixed(1)} s), repainted from ${result.keys.length} key frames in ${duration(result.seconds)}.

Now one of your own: npx pentimento render CLIP.mov --look oil --out RESULT.mov
All that it can do:  npx pentimento --help

The shot as it was:   ${show(source)}
The finished clip:    ${show(clip)}
Both side by side:    ${show(sheet)}
`);

async function drawShot(): Promise<void> {
  const scene = await makeScene(SCENE);
  const { width, height, frames } = scene;
  const colour = { matrix: 'bt709', range: 'limited', primaries: 'bt709', transfer: 'bt709' } as const;
  const movie = await openMovie(
    source,
    {
      ...{ codec: 'h264', width, height, channels: 3, rate: RATE, colour, alpha: 'straight', audio: null },
      pixelAspect: { num: 1, den: 1 },
    },
    never,
  );
  for (let n = 0; n < frames; n++) await movie.write(n, scene.frame(n));
  await movie.finish();
}

async function render(): Promise<RenderResult> {
  const main = join(root, 'bridge-server', 'main.ts');
  const child = spawn(process.execPath, [main, 'render', source, '--look', LOOK, '--out', clip, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const teller = progressTeller(false);
  const [out, code] = await Promise.all([
    text(child.stdout!),
    new Promise<number>((resolve, reject) => child.on('error', reject).on('exit', (status) => resolve(status ?? 1))),
    hear(child.stderr!, (line) => {
      const message = line as Progress | { error: { message: string; remedy: string } };
      if ('stage' in message) teller.tell(message);
      else say(`${message.error.message}\n${message.error.remedy}`);
    }),
  ]);
  teller.end();
  if (code !== 0) process.exit(code);
  return JSON.parse(out) as RenderResult;
}

/** The shot, the key frames where they lie in it, the finished clip. */
async function drawSheet({ keys }: RenderResult, options: Parameters<typeof contactSheet>[2]): Promise<Buffer> {
  const isKey = new Set(keys.map(({ frame }) => frame));
  const columns = columnsOf([...isKey]);
  const [before, after] = [await pick(source, columns), await pick(clip, columns)];
  const cells = (frames: ReadonlyMap<number, Frame>, shown: (n: number) => boolean): SheetCell[] =>
    columns.map((n) => (shown(n) ? { frame: frames.get(n)!, caption: `frame ${n}`, marked: isKey.has(n) } : null));
  return contactSheet(
    `Pentimento: ${SCENE.frames} frames from ${keys.length} keys`,
    [
      { label: 'The shot', cells: cells(before, () => true) },
      { label: 'Key frames, painted', cells: cells(after, (n) => isKey.has(n)) },
      { label: 'The finished clip', cells: cells(after, () => true) },
    ],
    options,
  );
}

/** Frames spread over the shot: some of the key frames, and between them frames that are as far from every key as can be. */
function columnsOf(keys: readonly number[]): number[] {
  const step = (SCENE.frames - 1) / (COLUMNS - 1);
  const columns = Array.from({ length: COLUMNS }, (_, i) => Math.round(i * step));
  const free = new Set(columns.keys());
  const most = Math.min(keys.length, Math.ceil(COLUMNS / 2));
  for (let k = 0; k < most; k++) {
    const key = keys[most > 1 ? Math.round((k * (keys.length - 1)) / (most - 1)) : 0]!;
    const nearest = [...free].reduce((a, b) => (Math.abs(columns[b]! - key) < Math.abs(columns[a]! - key) ? b : a));
    columns[nearest] = key;
    free.delete(nearest);
  }
  const toKey = (n: number): number => Math.min(...keys.map((key) => Math.abs(key - n)));
  for (const i of free) {
    const reach = Math.floor(step / 3);
    const near = Array.from({ length: 2 * reach + 1 }, (_, k) => columns[i]! + k - reach);
    const inside = near.filter((n) => n >= 0 && n < SCENE.frames);
    columns[i] = inside.reduce((a, b) => (toKey(b) > toKey(a) ? b : a), columns[i]!);
  }
  return columns.sort((a, b) => a - b);
}

async function pick(path: string, numbers: readonly number[]): Promise<Map<number, Frame>> {
  const movie = await openClip({ path, from: 0, to: null, rate: null, alpha: 'straight' }, never);
  const picked = new Map<number, Frame>();
  let n = 0;
  for await (const frame of movie.read(movie.range, never)) {
    if (numbers.includes(n)) picked.set(n, frame);
    n++;
  }
  return picked;
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}

/** Each line of JSON as it comes. */
async function hear(stream: NodeJS.ReadableStream, listen: (message: unknown) => void): Promise<void> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('{')) listen(JSON.parse(line));
  }
}

function say(words: string): void {
  process.stderr.write(`${words}\n`);
}
