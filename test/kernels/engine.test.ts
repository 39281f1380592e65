import { afterEach, expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';

const engines: Engine[] = [];
const start = async (workers: number): Promise<Engine> => {
  const engine = await Engine.start(workers);
  engines.push(engine);
  return engine;
};
afterEach(() => Promise.all(engines.splice(0).map((engine) => engine.close())));

test('a kernel that traps ends the run and every later one, though other workers wait for it at a barrier', async () => {
  const engine = await start(3);
  const pyramid = engine.alloc((await engine.run('pyramidBytes', 64, 64, 3)) >>> 0);
  // A plane of which only the lower half lies outside the memory: the worker of the first rows gets to its barrier.
  const halfOutside = engine.u8(pyramid).buffer.byteLength - 32 * 64;
  const failed = engine.run('buildPyramid', halfOutside, 64, 64, 3, pyramid.pointer);
  const queued = engine.run('pyramidBytes', 64, 64, 3);
  await expect(failed).rejects.toThrow(/^buildPyramid: .*bounds/);
  await expect(queued).rejects.toThrow(/^pyramidBytes: .*bounds/);
  await expect(engine.run('pyramidBytes', 64, 64, 3)).rejects.toThrow(/bounds/);
  // Another team starts as if nothing had been.
  const other = await start(2);
  expect(await other.run('pyramidBytes', 64, 64, 3)).toBeGreaterThan(64 * 64);
});

test('a kernel that does not exist is named', async () => {
  const engine = await start(2);
  await expect(engine.run('nothing')).rejects.toThrow('nothing: there is no such kernel');
});

test('a closed engine rejects', async () => {
  const engine = await start(1);
  await engine.close();
  await expect(engine.run('pyramidBytes', 64, 64, 3)).rejects.toThrow('pyramidBytes: the engine is closed');
});

test('memory is given out without overlap, merged when freed, and grows', async () => {
  const engine = await start(1);
  const sizes = [1, 100, 5_000_000, 64, 0, 4096];
  const blocks = sizes.map((bytes) => engine.alloc(bytes));
  const sorted = [...blocks].sort((a, b) => a.pointer - b.pointer);
  sorted.slice(1).forEach((block, i) => {
    const before = sorted[i]!;
    expect(block.pointer).toBeGreaterThanOrEqual(before.pointer + before.bytes);
  });
  blocks.forEach((block, i) => {
    expect(block.pointer % 64).toBe(0);
    expect(block.bytes).toBeGreaterThanOrEqual(sizes[i]!);
    engine.u8(block).fill(i);
  });
  blocks.forEach((block, i) => expect(engine.u8(block).every((value) => value === i)).toBe(true));

  engine.free(blocks[1]!, blocks[3]!);
  engine.free(blocks[2]!);
  const inHole = engine.alloc(5_000_000);
  expect(inHole.pointer).toBeLessThan(blocks[4]!.pointer);
  engine.free(inHole, blocks[0]!, blocks[4]!, blocks[5]!);
  expect(engine.bytesInUse).toBe(0);
  expect(() => engine.free(blocks[0]!, blocks[0]!)).toThrow('freed twice');
});
