import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import { Shelf } from '../../bridge-server/kernels/shelf.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start(2);
});
afterAll(() => engine.close());

test('a shelf keeps copies, by owner and name, while there is room, and gives it all back', async () => {
  const shelf = new Shelf(engine, 1000);
  const [one, other] = [{}, {}];
  const block = engine.alloc(400);
  const before = engine.bytesInUse;
  const put = async (owner: object, value: number): Promise<void> => {
    await engine.write(block, new Uint8Array(399).fill(value));
    await shelf.put(owner, 'guide', block.pointer, 399, value);
  };
  const kept = async (owner: object): Promise<number[] | null> => {
    const found = shelf.find(owner, 'guide');
    return found ? [found.mark, ...new Set(new Uint8Array(await engine.read(found.block, 399)))] : null;
  };
  await put(one, 1);
  await put(other, 2);
  // There already, and no room: neither changes anything.
  await put(one, 3);
  await put({}, 4);
  expect(await kept(one)).toEqual([1, 1]);
  expect(await kept(other)).toEqual([2, 2]);
  expect(shelf.find(one, 'luma')).toBeUndefined();
  expect(engine.bytesInUse).toBe(before + 2 * 448);
  shelf.clear();
  expect(engine.bytesInUse).toBe(before);
  expect(await kept(one)).toBeNull();
  await put(one, 5);
  expect(await kept(one)).toEqual([5, 5]);
  shelf.clear();
  engine.free(block);
});

test('the engine keeps nothing: its memory is where frames come from', async () => {
  const block = engine.alloc(64);
  await engine.shelf.put(engine, 'anything', block.pointer, 64);
  expect(engine.shelf.find(engine, 'anything')).toBeUndefined();
  engine.free(block);
});
