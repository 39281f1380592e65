import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ffmpeg, fileUrl } from '../../bridge-server/media/ffmpeg.ts';

const child = fileURLToPath(new URL('./memory-child.ts', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pentimento-memory-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function peak(task: 'read' | 'write', path: string, frames: number): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [child, task, path, String(frames)]);
  return Number(stdout);
}

/** A working frame of 640x360 takes 1.4 MB; were only one in four of six hundred kept, it would show. */
const ALLOWANCE = 120 * 2 ** 20;

it('reading a long clip takes no more memory than reading a short one', async () => {
  const path = join(folder, 'long.mp4');
  const source = { options: ['-loglevel', 'error', '-f', 'lavfi'], source: 'testsrc2=s=640x360:r=50:d=12' };
  const options = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-pix_fmt', 'yuv420p', '-f', 'mp4'];
  const running = await ffmpeg({ inputs: [source], options, output: fileUrl(path) }, new AbortController().signal);
  await running.ended;
  const short = await peak('read', path, 50);
  const long = await peak('read', path, 600);
  expect(long).toBeLessThan(short + ALLOWANCE);
});

it('writing a long movie takes no more memory than writing a short one', async () => {
  const short = await peak('write', join(folder, 'short-out.mp4'), 30);
  const long = await peak('write', join(folder, 'long-out.mp4'), 300);
  // The encoder's own bytes are 0.35 MB a frame.
  expect(long).toBeLessThan(short + ALLOWANCE / 2);
});
