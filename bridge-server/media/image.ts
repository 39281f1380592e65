import { existsSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { Failure } from '../errors.ts';
import { writing } from './destination.ts';
import type { Frame } from './frame.ts';
import { withText } from './png-text.ts';

// libvips would keep decoded files: stale when a file is painted over, and memory that nobody counts.
sharp.cache(false);

/** Told by content. libvips reads others as well, some of which name further files. */
const FORMATS: ReadonlySet<string> = new Set(['png', 'jpeg', 'tiff', 'webp']);
const EXTENSION = /\.(png|jpe?g|tiff?|webp)$/i;

/**
 * Reads a PNG, JPEG, TIFF or WebP file, 8 or 16 bit, with its alpha as stored. Numbers are taken as they are: an embedded colour
 * profile changes nothing. A camera's orientation mark is obeyed. Throws Failure 'media-missing' or 'image-unreadable'.
 */
export function readImage(path: string): Promise<Frame> {
  return reading(path, async (image) => {
    const { depth } = await image.metadata();
    const deep = depth === 'ushort';
    if (!deep && depth !== 'uchar') throw new Error(`samples of type ${depth} are not read`);
    const { data, info } = await image
      .toColourspace(deep ? 'rgb16' : 'srgb')
      .raw({ depth: deep ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const channels = channelsOf(info.channels);
    if (deep) return { width, height, channels, data: new Uint16Array(data.buffer, data.byteOffset, data.length >> 1) };
    const samples = new Uint16Array(data.length);
    for (let i = 0; i < samples.length; i++) samples[i] = data[i]! * 257;
    return { width, height, channels, data: samples };
  });
}

/** What `readImage` would give, from the file's header alone. Throws as it does. */
export function imageSize(
  path: string,
): Promise<{ readonly width: number; readonly height: number; readonly channels: 3 | 4 }> {
  return reading(path, async (image) => {
    const { width, height, autoOrient, hasAlpha } = await image.metadata();
    return { width: autoOrient?.width ?? width, height: autoOrient?.height ?? height, channels: hasAlpha ? 4 : 3 };
  });
}

async function reading<T>(path: string, work: (image: Sharp) => Promise<T>): Promise<T> {
  try {
    const image = sharp(path, { limitInputPixels: false, ignoreIcc: true, autoOrient: true });
    const { format } = await image.metadata();
    if (!FORMATS.has(format)) throw new Error(`${format} is not read`);
    return await work(image);
  } catch (error) {
    if (!existsSync(path)) throw new Failure('media-missing', { path }, error);
    throw new Failure('image-unreadable', { path }, error);
  }
}

function channelsOf(count: number): 3 | 4 {
  if (count === 3 || count === 4) return count;
  throw new Error(`${count} channels`);
}

/** 16-bit PNG, with a comment in it if there is one. The file appears whole or not at all. */
export async function writePng(path: string, frame: Frame, comment?: string): Promise<void> {
  const png = await encodePng(frame);
  await writeWhole(path, comment === undefined ? png : withText(png, 'Comment', comment));
}

/** The bytes of a 16-bit PNG: the same for the same frame. */
export function encodePng({ width, height, channels, data }: Frame): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels } })
    .toColourspace('rgb16')
    .png({ compressionLevel: 2, adaptiveFiltering: false })
    .toBuffer();
}

/** A small picture to look at, over grey where it is transparent; `width` null keeps the size. Never larger than the frame. */
export function encodeJpeg(frame: Frame, { width }: { width: number | null }): Promise<Buffer> {
  const { data, channels, ...size } = frame;
  let image = sharp(data, { raw: { ...size, channels } });
  if (width !== null && width < frame.width) image = image.resize({ width });
  if (channels === 4) image = image.flatten({ background: { r: 128, g: 128, b: 128 } });
  // Editors show no grey images.
  return image.toColourspace('srgb').jpeg({ quality: 85 }).toBuffer();
}

export async function writeJpeg(path: string, frame: Frame, options: { width: number | null }): Promise<void> {
  await writeWhole(path, await encodeJpeg(frame, options));
}

/**
 * The images in a folder by frame number, in order: the last run of digits in a name. Other files and hidden ones are passed over.
 * Throws Failure 'images-same-number' when two claim one number.
 */
export async function numberedImages(folder: string): Promise<Map<number, string>> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    throw new Failure('media-missing', { path: folder }, error);
  }
  const numbered: (readonly [number, string])[] = [];
  for (const name of names) {
    const digits = /(\d+)\D*$/.exec(name.replace(EXTENSION, ''))?.[1];
    if (name.startsWith('.') || !EXTENSION.test(name) || digits === undefined) continue;
    const number = Number(digits);
    if (Number.isSafeInteger(number)) numbered.push([number, name]);
  }
  numbered.sort(([a, nameA], [b, nameB]) => a - b || (nameA < nameB ? -1 : 1));
  const images = new Map<number, string>();
  for (const [number, name] of numbered) {
    const other = images.get(number);
    if (other !== undefined) throw new Failure('images-same-number', { folder, number, names: [other, name] });
    images.set(number, name);
  }
  return new Map([...images].map(([number, name]) => [number, join(folder, name)]));
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  await writing(path, async () => {
    try {
      await writeFile(part, bytes);
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  });
}
