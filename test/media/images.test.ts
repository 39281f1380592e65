import fc from 'fast-check';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { premultiplied, premultiply, unpremultiply } from '../../bridge-server/media/alpha.ts';
import { openClip } from '../../bridge-server/media/clip.ts';
import { openImages } from '../../bridge-server/media/encode.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import {
  encodeJpeg,
  imageSize,
  numberedImages,
  readImage,
  writeJpeg,
  writePng,
} from '../../bridge-server/media/image.ts';
import { numberedFrame, numbersOf, readNumber } from './clips.ts';

const signal = new AbortController().signal;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pentimento-images-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Every 16-bit number at some place. */
function noisy(width: number, height: number, channels: 3 | 4): Frame {
  const data = Uint16Array.from({ length: width * height * channels }, (_, i) => Math.imul(i + 7, 40503));
  return { width, height, channels, data };
}

const open = (
  path: string,
  range: { from?: number; to?: number } = {},
  alpha: 'straight' | 'premultiplied' = 'straight',
) => openClip({ path, from: range.from ?? 0, to: range.to ?? null, rate: null, alpha }, signal);

describe('one image', () => {
  it.each([3, 4] as const)('16-bit PNG keeps every bit of %i channels', async (channels) => {
    const frame = noisy(257, 61, channels);
    const path = join(folder, `deep-${channels}.png`);
    await writePng(path, frame);
    expect(await readImage(path)).toEqual(frame);
    expect(await imageSize(path)).toEqual({ width: 257, height: 61, channels });
    const { depth } = await sharp(path).metadata();
    expect(depth).toBe('ushort');
  });

  it('8-bit files are widened by 257; grey, palettes and 16-bit TIFF are read; profiles change nothing', async () => {
    const bytes = Uint8Array.from({ length: 16 * 4 * 4 }, (_, i) => i);
    const rgba = sharp(bytes, { raw: { width: 16, height: 4, channels: 4 } });
    const widened = Uint16Array.from(bytes, (v) => v * 257);
    for (const [name, image] of [
      ['eight.png', rgba.clone().png()],
      ['eight.tiff', rgba.clone().tiff({ compression: 'lzw' })],
      ['eight.webp', rgba.clone().webp({ lossless: true, exact: true })],
      ['profile.png', rgba.clone().withIccProfile('p3', { attach: true }).png()],
    ] as const) {
      await image.toFile(join(folder, name));
      if (name !== 'profile.png') expect((await readImage(join(folder, name))).data, name).toEqual(widened);
    }
    // What the file holds is what is read, whatever its profile says.
    const { data } = await sharp(join(folder, 'profile.png'), { ignoreIcc: true })
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect((await readImage(join(folder, 'profile.png'))).data).toEqual(Uint16Array.from(data, (v) => v * 257));

    const grey = sharp(Uint8Array.from([0, 85, 170, 255]), { raw: { width: 4, height: 1, channels: 1 } });
    await grey.png({ palette: true }).toFile(join(folder, 'grey.png'));
    const expected = [0, 85, 170, 255].flatMap((v) => [v * 257, v * 257, v * 257]);
    expect([...(await readImage(join(folder, 'grey.png'))).data]).toEqual(expected);

    const deep = noisy(20, 10, 3);
    await sharp(deep.data, { raw: { width: 20, height: 10, channels: 3 } })
      .toColourspace('rgb16')
      .tiff({ compression: 'none' })
      .toFile(join(folder, 'deep.tiff'));
    expect(await readImage(join(folder, 'deep.tiff'))).toEqual(deep);
    const deepGrey = sharp(Uint16Array.from([1, 40000]), { raw: { width: 2, height: 1, channels: 1 } });
    await deepGrey.toColourspace('grey16').png().toFile(join(folder, 'deep-grey.png'));
    expect([...(await readImage(join(folder, 'deep-grey.png'))).data]).toEqual([1, 1, 1, 40000, 40000, 40000]);
  });

  it('a camera that was turned is obeyed', async () => {
    const { data } = numberedFrame(5, 96, 64);
    const picture = sharp(
      Uint8Array.from(data, (v) => v / 257),
      { raw: { width: 96, height: 64, channels: 3 } },
    );
    // Stored turned by a quarter, and marked so: 6 means "turn it clockwise to see it".
    const path = join(folder, 'turned.jpg');
    await sharp(await picture.rotate(270).png().toBuffer())
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 95 })
      .toFile(path);
    const frame = await readImage(path);
    expect([frame.width, frame.height]).toEqual([96, 64]);
    expect(await imageSize(path)).toEqual({ width: 96, height: 64, channels: 3 });
    expect(readNumber(frame)).toBe(5);
  });

  it('that is none is refused', async () => {
    const whole = join(folder, 'whole.png');
    await writePng(whole, noisy(64, 64, 3));
    await writeFile(join(folder, 'half.png'), (await readFile(whole)).subarray(0, 9000));
    await writeFile(join(folder, 'text.png'), 'no image');
    for (const name of ['half.png', 'text.png']) {
      await expect(readImage(join(folder, name))).rejects.toMatchObject({ code: 'image-unreadable' });
    }
    await expect(readImage(join(folder, 'nowhere.png'))).rejects.toMatchObject({ code: 'media-missing' });
    await expect(imageSize(join(folder, 'text.png'))).rejects.toMatchObject({ code: 'image-unreadable' });
  });

  it('painted over is read anew', async () => {
    const path = join(folder, 'again.png');
    for (const n of [1, 2]) {
      await writePng(path, numberedFrame(n));
      expect(readNumber(await readImage(path))).toBe(n);
    }
  });

  it('to look at is small, whole and grey where it is transparent', async () => {
    const clear: Frame = { width: 96, height: 64, channels: 4, data: new Uint16Array(96 * 64 * 4) };
    const seen = await sharp(await encodeJpeg(clear, { width: 48 }))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([seen.info.width, seen.info.height]).toEqual([48, 32]);
    expect(Math.abs(seen.data[100]! - 128)).toBeLessThanOrEqual(1);
    await writeJpeg(join(folder, 'look.jpg'), numberedFrame(9), { width: null });
    expect(readNumber(await readImage(join(folder, 'look.jpg')))).toBe(9);
    expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});

describe('numbered images', () => {
  it('go by the last run of digits, in order of number; gaps and other files are allowed', async () => {
    const own = await mkdtemp(join(folder, 'numbers-'));
    const names = [
      'v2_shot_0010.png',
      'v2_shot_9.jpg',
      'x-100.final.tif',
      '.0001.png',
      'notes.txt',
      'cover.png',
      '7.webp',
    ];
    for (const name of names) await writeFile(join(own, name), '');
    await mkdir(join(own, 'more'));
    const found = await numberedImages(own);
    expect([...found].map(([n, path]) => [n, path.slice(own.length + 1)])).toEqual([
      [7, '7.webp'],
      [9, 'v2_shot_9.jpg'],
      [10, 'v2_shot_0010.png'],
      [100, 'x-100.final.tif'],
    ]);
    await writeFile(join(own, 'b9.png'), '');
    await expect(numberedImages(own)).rejects.toMatchObject({ code: 'images-same-number' });
    await expect(numberedImages(join(own, 'nowhere'))).rejects.toMatchObject({ code: 'media-missing' });
  });
});

describe('a folder as a clip', () => {
  it('has the numbers in the names, all of them or a range', async () => {
    const own = await mkdtemp(join(folder, 'clip-'));
    for (let n = 95; n < 110; n++) await writePng(join(own, `f${n}.png`), numberedFrame(n));
    const clip = await open(own);
    expect(clip).toMatchObject({
      range: { from: 95, to: 110 },
      rate: { num: 25, den: 1 },
      width: 96,
      height: 64,
      channels: 3,
    });
    expect(await numbersOf(clip.read(clip.range, signal))).toEqual(Array.from({ length: 15 }, (_, i) => 95 + i));
    const part = await open(own, { from: 99, to: 101 });
    expect(await numbersOf(part.read(part.range, signal))).toEqual([99, 100]);
    expect(part.identity).toBe(clip.identity);
    const ask = { path: own, from: 0, to: null, rate: { num: 30000, den: 1001 }, alpha: 'straight' } as const;
    expect(await openClip(ask, signal)).toMatchObject({
      rate: { num: 30000, den: 1001 },
      range: { from: 95, to: 110 },
    });
    await expect(open(own, { from: 90, to: 97 })).rejects.toMatchObject({ code: 'range-outside' });

    await rm(join(own, 'f103.png'));
    await expect(open(own)).rejects.toMatchObject({ code: 'images-missing-number', facts: { number: 103 } });
    expect(await numbersOf((await open(own, { from: 95, to: 103 })).read({ from: 95, to: 103 }, signal))).toHaveLength(
      8,
    );

    await writePng(join(own, 'f102.png'), numberedFrame(102, 64, 64));
    const mixed = await open(own, { from: 95, to: 103 });
    await expect(numbersOf(mixed.read(mixed.range, signal))).rejects.toMatchObject({ code: 'images-mixed' });
  });

  it('is another clip when a picture changes', async () => {
    const own = await mkdtemp(join(folder, 'identity-'));
    for (const n of [0, 1]) await writePng(join(own, `${n}.png`), numberedFrame(n));
    const before = await open(own);
    expect((await open(own)).identity).toBe(before.identity);
    expect((await open(own, {}, 'premultiplied')).identity).not.toBe(before.identity);
    await writePng(join(own, '1.png'), numberedFrame(2));
    expect((await open(own)).identity).not.toBe(before.identity);
  });
});

describe('premultiplied alpha', () => {
  it('goes to straight and back without a bit lost', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(65535), fc.nat(65535), fc.nat(65535), fc.nat(65535)), { minLength: 1 }),
        (pixels) => {
          const stored = Uint16Array.from(
            pixels.flatMap(([r, g, b, a]) => [Math.min(r, a), Math.min(g, a), Math.min(b, a), a]),
          );
          const data = stored.slice();
          unpremultiply(data);
          premultiply(data);
          expect(data).toEqual(stored);
        },
      ),
    );
    // Every alpha with the colours at its edges and in its middle.
    const edges = Array.from({ length: 65536 }, (_, a) => [a, a >> 1, a === 0 ? 0 : a - 1, a]).flat();
    const data = Uint16Array.from(edges);
    unpremultiply(data);
    premultiply(data);
    expect(Buffer.compare(Buffer.from(data.buffer), Buffer.from(Uint16Array.from(edges).buffer))).toBe(0);
  });

  it('is divided out of a source and multiplied into a result', async () => {
    const own = await mkdtemp(join(folder, 'alpha-'));
    const straight: Frame = {
      width: 2,
      height: 1,
      channels: 4,
      data: Uint16Array.from([60000, 30000, 0, 32768, 500, 600, 700, 0]),
    };
    await writePng(join(own, '1.png'), premultiplied(straight));
    const clip = await open(own, {}, 'premultiplied');
    const frames: Frame[] = [];
    for await (const frame of clip.read(clip.range, signal)) frames.push(frame);
    // Half of each number is gone at half alpha; under none, all of it.
    for (const [i, value] of [60000, 30000, 0, 32768].entries()) {
      expect(Math.abs(frames[0]!.data[i]! - value)).toBeLessThanOrEqual(1);
    }
    const out = join(folder, 'alpha-out');
    const sink = await openImages(out, { alpha: 'premultiplied' }, signal);
    await sink.write(1, frames[0]!);
    await sink.finish();
    expect(await readImage(join(out, '000001.png'))).toEqual(await readImage(join(own, '1.png')));
  });
});
