import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import { texture } from '../shot/texture.ts';

// Not a multiple of the cells.
const WIDTH = 90;
const HEIGHT = 61;
const PIXELS = WIDTH * HEIGHT;
const SIZE = [WIDTH, HEIGHT] as const;

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start(2);
});
afterAll(() => engine.close());

type Levels = (x: number, y: number) => number;

/** Detail of one kind: strokes a pixel wide or two. */
const strokes =
  (seed: number): Levels =>
  (x, y) =>
    128 + 0.9 * (texture(seed)(9 * x, 9 * y) - 128);
const softened =
  (levels: Levels): Levels =>
  (x, y) =>
    mean([-1, 0, 1].flatMap((j) => [-1, 0, 1].map((i) => levels(x + i, y + j))));
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A premultiplied picture of four u16, or a guide of four u8 (`scale` 1). */
const drawn = (levels: Levels, scale: 1 | 257): Uint16Array =>
  Uint16Array.from({ length: 4 * PIXELS }, (_, i) =>
    i % 4 === 3 ? 255 * scale : Math.round(scale * levels((i >> 2) % WIDTH, Math.floor((i >> 2) / WIDTH))),
  );

type Shot = {
  /** What both keys show, each in its source and its repainting. */
  readonly keys: readonly { readonly source: Levels; readonly painted: Levels }[];
  readonly source: Levels;
  readonly made: Levels;
};

/** The frame `made` of keys that do not move, half of each, with its detail given back: three u16 a pixel. */
async function restored({ keys, source, made }: Shot): Promise<Uint16Array> {
  const apart = await engine.run('detailBytes', ...SIZE);
  const sizes = { map: 8, share: 4, plane: 4, picture: 8, out: 8 };
  const at = Object.fromEntries(Object.entries(sizes).map(([name, bytes]) => [name, engine.alloc(bytes * PIXELS)]));
  const energies = engine.alloc(7 * apart);
  const [sources, painted, own, expected, there] = [0, 2, 4, 5, 6].map((i) => energies.pointer + i * apart);
  const measured = async (levels: Levels, bytes: 1 | 2, into: number) => {
    const picture = drawn(levels, bytes === 1 ? 1 : 257);
    await engine.write(at['picture']!, bytes === 1 ? Uint8Array.from(picture) : picture);
    await engine.run('detail', at['picture']!.pointer, bytes, ...SIZE, at['plane']!.pointer, into);
  };
  await engine.write(at['map']!, new Float32Array(2 * PIXELS));
  await engine.write(at['share']!, new Float32Array(PIXELS).fill(0.5));
  for (const [i, key] of keys.entries()) {
    await measured(key.source, 1, sources! + i * apart);
    await measured(key.painted, 2, painted! + i * apart);
  }
  await measured(source, 1, own!);
  const map = at['map']!.pointer;
  const second = keys.length === 2 ? map : 0;
  const { share, plane, picture, out } = at;
  await engine.run(
    'detailExpected',
    ...[own!, sources!, painted!, apart, map, second, ...SIZE, share!.pointer, 0, 0, expected!],
  );
  await measured(made, 2, there!);
  await engine.run('restore', picture!.pointer, ...SIZE, plane!.pointer, there!, expected!, 3, out!.pointer);
  const pixels = new Uint16Array(await engine.read(out!, 6 * PIXELS));
  engine.free(energies, ...Object.values(at));
  return pixels;
}

/** Mean squared detail of green, in 8-bit levels. */
function detailOf(levels: Levels): number {
  const squares: number[] = [];
  for (let y = 4; y < HEIGHT - 4; y++) {
    for (let x = 4; x < WIDTH - 4; x++) squares.push((levels(x, y) - softened(levels)(x, y)) ** 2);
  }
  return mean(squares);
}
const shown =
  (pixels: Uint16Array): Levels =>
  (x, y) =>
    pixels[3 * (y * WIDTH + x) + 1]! / 257;

const plain: Levels = (x, y) => 90 + 0.4 * x + 0.3 * y;
const [first, second] = [strokes(1), strokes(2)];
const mixed: Levels = (x, y) => 0.5 * first(x, y) + 0.5 * second(x, y);

test('strokes that were mixed away come back as strong as those of the keys', async () => {
  const keys = [
    { source: plain, painted: first },
    { source: plain, painted: second },
  ];
  const wanted = mean([detailOf(first), detailOf(second)]);
  expect(detailOf(mixed)).toBeLessThan(0.65 * wanted);
  const detail = detailOf(shown(await restored({ keys, source: plain, made: mixed })));
  expect(detail).toBeGreaterThan(0.8 * wanted);
  expect(detail).toBeLessThan(1.1 * wanted);
});

test('where the source of the frame is blurred, nothing is sharpened', async () => {
  const keys = [{ source: first, painted: second }];
  const blurred = softened(second);
  const sharp = detailOf(shown(await restored({ keys, source: first, made: blurred })));
  expect(sharp).toBeGreaterThan(1.5 * detailOf(blurred));
  const detail = detailOf(shown(await restored({ keys, source: softened(first), made: blurred })));
  expect(Math.abs(detail / detailOf(blurred) - 1)).toBeLessThan(0.15);
});

test('what is just like its key stays as it is, to the bit', async () => {
  const keys = [{ source: first, painted: second }];
  const pixels = await restored({ keys, source: first, made: second });
  const picture = drawn(second, 257);
  expect(pixels).toEqual(Uint16Array.from({ length: 3 * PIXELS }, (_, i) => picture[4 * Math.floor(i / 3) + (i % 3)]!));
});
