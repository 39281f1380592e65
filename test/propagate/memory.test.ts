import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Device } from '../../bridge-server/kernels/device.ts';
import { Engine, type Block } from '../../bridge-server/kernels/engine.ts';
import { makeScene } from '../media/scene.ts';
import { between, folders, propagate, type Shot } from './run.ts';

const SIZE = { width: 256, height: 144 };
/** Frames of the long shot; the short one is its beginning. */
const LONG = 12;
/**
 * What propagation may take of the device's memory for each pixel of the picture, in bytes: 200 MiB at 1920x1080. Borders count for a little more
 * in a small picture.
 */
const MOST = 112;

let engine: Engine;
let shot: Shot;

beforeAll(async () => {
  engine = await Engine.start(2);
  // What passes in front is in no key, so that patches are searched, too.
  const scene = await makeScene({ kind: 'occluder', seed: 3, ...SIZE, frames: LONG + 1 });
  shot = { ...SIZE, frame: (n) => scene.frame(n), key: (n) => scene.truth(n) };
});
afterAll(() => engine.close());

/** The engine, and the most bytes of it that were in use at once. */
function counted(): { readonly device: Device; readonly most: () => number } {
  let most = 0;
  const alloc = (bytes: number): Block => {
    const block = engine.alloc(bytes);
    most = Math.max(most, engine.bytesInUse);
    return block;
  };
  const device: Device = {
    codeHash: engine.codeHash,
    shelf: engine.shelf,
    alloc,
    free: (...blocks) => engine.free(...blocks),
    run: (kernel, ...args) => engine.run(kernel, ...args),
    write: (block, data) => engine.write(block, data),
    writeFrame: (block, frame) => engine.writeFrame(block, frame),
    read: (block, bytes) => engine.read(block, bytes),
    readPacked: (block, bytes) => engine.readPacked(block, bytes),
  };
  return { device, most: () => most };
}

it('takes as much of the device for a long span as for a short one, not too much, and gives all of it back', async () => {
  const mosts: number[] = [];
  for (const last of [3, LONG]) {
    const { device, most } = counted();
    await propagate(device, shot, between(last));
    expect(engine.bytesInUse).toBe(0);
    mosts.push(most());
  }
  expect(mosts[1]).toBe(mosts[0]);
  expect(mosts[0]! / (SIZE.width * SIZE.height)).toBeLessThan(MOST);
});

it('gives all of it back wherever it is stopped', async () => {
  for (const after of [1, 7, 15, 25]) {
    const abort = new AbortController();
    const { device } = counted();
    let runs = 0;
    const run: Device['run'] = (kernel, ...args) => {
      if (++runs === 6 * after) abort.abort(new Error('enough'));
      return device.run(kernel, ...args);
    };
    const into = await folders();
    await expect(propagate({ ...device, run }, shot, between(3), into, abort.signal)).rejects.toThrow('enough');
    expect(engine.bytesInUse).toBe(0);
  }
});
