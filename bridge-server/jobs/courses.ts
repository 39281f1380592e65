import type { Course } from '../diffusion/consistency/lead.ts';

/**
 * The course of a key's sampling as it lies in the cache, exact to the bit: two uint32 (how many latents, values in each), then their
 * float32 values, all little-endian.
 */
export function writeCourse(course: Course): Uint8Array {
  const length = course[0]?.length ?? 0;
  const bytes = new Uint8Array(8 + 4 * length * course.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, course.length, true);
  view.setUint32(4, length, true);
  let at = 8;
  for (const latent of course) for (const value of latent) view.setFloat32((at += 4) - 4, value, true);
  return bytes;
}

/** The inverse of `writeCourse`. Throws RangeError when the bytes are no such course. */
export function readCourse(bytes: Uint8Array): Course {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [count, length] = [view.getUint32(0, true), view.getUint32(4, true)];
  if (bytes.length !== 8 + 4 * length * count) throw new RangeError('not a stored course');
  return Array.from({ length: count }, (_, n) =>
    Float32Array.from({ length }, (_, i) => view.getFloat32(8 + 4 * (n * length + i), true)),
  );
}

/** The name of the entry beside a key's picture. */
export const courseName = (entry: string): string => entry.replace(/\.frame$/u, '.course');
