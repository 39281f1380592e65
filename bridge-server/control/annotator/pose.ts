import type { Planes } from '../../diffusion/picture/planes.ts';
import type { Size } from '../../diffusion/picture/size.ts';
import { unitOf } from '../soft-edge.ts';

/** OpenPose's joints, in its order; a joint that is not seen is null. Places in shares of the picture, 0..1. */
export type Pose = readonly ({ readonly x: number; readonly y: number } | null)[];

/** Nose, neck, right shoulder, elbow, wrist, left …, right hip, knee, ankle, left …, right eye, left eye, right ear, left ear. */
const JOINTS = 18;
const NECK = 1;
/** Where COCO has OpenPose's joints; it has no neck. */
const FROM_COCO = [0, null, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3];
const COCO_SHOULDERS = [5, 6] as const;

export const JOINT_COUNTS = { coco17: 17, openpose18: JOINTS } as const;

/** The pose that heatmaps show, one a joint: one person, each joint at the highest place of its map. */
export function poseOf(heatmaps: Planes, skeleton: keyof typeof JOINT_COUNTS, threshold: number): Pose {
  const peaks = Array.from({ length: heatmaps.channels }, (_, joint) => peakOf(heatmaps, joint, threshold));
  if (skeleton === 'openpose18') return peaks;
  const pose = FROM_COCO.map((joint) => (joint === null ? null : peaks[joint]!));
  const [left, right] = [peaks[COCO_SHOULDERS[0]], peaks[COCO_SHOULDERS[1]]];
  if (left && right) pose[NECK] = { x: (left.x + right.x) / 2, y: (left.y + right.y) / 2 };
  return pose;
}

/** Between pixels: the mean place of the highest and its eight neighbours, weighted by what they have above the threshold. */
function peakOf({ width, height, data }: Planes, joint: number, threshold: number): Pose[number] {
  const plane = joint * width * height;
  let best = 0;
  for (let p = 1; p < width * height; p++) if (data[plane + p]! > data[plane + best]!) best = p;
  if (!(data[plane + best]! > threshold)) return null;
  const [px, py] = [best % width, Math.floor(best / width)];
  let [sum, sumX, sumY] = [0, 0, 0];
  for (let y = Math.max(py - 1, 0); y <= Math.min(py + 1, height - 1); y++) {
    for (let x = Math.max(px - 1, 0); x <= Math.min(px + 1, width - 1); x++) {
      const weight = Math.max(data[plane + y * width + x]! - threshold, 0);
      sum += weight;
      sumX += weight * (x + 0.5);
      sumY += weight * (y + 0.5);
    }
  }
  return { x: sumX / sum / width, y: sumY / sum / height };
}

/**
 * The pose of a frame with its joints smoothed over the frames around it: each on the parabola through its places over time (Savitzky and
 * Golay 1964), which keeps a steady movement and its acceleration as they are. A joint is drawn when most of the frames see it.
 *
 * @param around with their distance in frames, 0 for the frame itself
 */
export function steadyPose(around: readonly { readonly distance: number; readonly pose: Pose }[]): Pose {
  return Array.from({ length: JOINTS }, (_, joint) => {
    const seen = around.flatMap(({ distance, pose }) => (pose[joint] ? [{ distance, ...pose[joint] }] : []));
    if (2 * seen.length <= around.length) return null;
    const times = seen.map(({ distance }) => distance);
    const weights = weightsAtZero(times);
    return {
      x: seen.reduce((sum, { x }, i) => sum + weights[i]! * x, 0),
      y: seen.reduce((sum, { y }, i) => sum + weights[i]! * y, 0),
    };
  });
}

/** What each of the values at `times` counts for in the value at 0 of the polynomial that fits them best; weights sum to 1. */
function weightsAtZero(times: readonly number[]): number[] {
  // A parabola through three places would only repeat the noise.
  const degree = times.length >= 4 ? 2 : times.length >= 2 ? 1 : 0;
  const size = degree + 1;
  const moments = Array.from({ length: 2 * size - 1 }, (_, k) => times.reduce((sum, t) => sum + t ** k, 0));
  // The first row of the inverse of the moments' matrix, by elimination: it is symmetric, so that is its first column.
  const rows = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (__, j) => moments[i + j]!),
    i === 0 ? 1 : 0,
  ]);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      if (k === i) continue;
      const factor = rows[k]![i]! / rows[i]![i]!;
      for (let j = i; j <= size; j++) rows[k]![j]! -= factor * rows[i]![j]!;
    }
  }
  const first = rows.map((row, i) => row[size]! / row[i]!);
  return times.map((t) => first.reduce((sum, coefficient, k) => sum + coefficient * t ** k, 0));
}

/** Joints that a limb joins, in the order in which OpenPose colours them. */
const LIMBS = [
  [1, 2],
  [1, 5],
  [2, 3],
  [3, 4],
  [5, 6],
  [6, 7],
  [1, 8],
  [8, 9],
  [9, 10],
  [1, 11],
  [11, 12],
  [12, 13],
  [1, 0],
  [0, 14],
  [14, 16],
  [0, 15],
  [15, 17],
] as const;

/** Once round the colour circle in 18 steps, the colours that ControlNets for poses know joints and limbs by. */
const HUES = Array.from({ length: JOINTS }, (_, i) => hue((i * 360) / JOINTS));

/** A pure colour on the circle, in steps of 20 degrees rounded as OpenPose's table has them. */
function hue(degrees: number): readonly [number, number, number] {
  const channel = (shift: number): number => {
    const away = Math.abs(((degrees - shift + 540) % 360) - 180);
    return Math.min(Math.max((120 - away) / 60, 0), 1);
  };
  return [channel(0), channel(120), channel(240)];
}

/** Half the width of a limb and of a joint, at 512 pixels. */
const LIMB = 4;
const JOINT = 4;
/** Limbs are darker than joints. */
const LIMB_SHARE = 0.6;

/** Draws a pose as OpenPose does: limbs as slim ellipses, joints as dots over them, black where nothing is. */
export function drawPose(pose: Pose, { width, height }: Size): Planes {
  const unit = unitOf({ width, height });
  const picture: Planes = { channels: 3, width, height, data: new Float32Array(3 * width * height) };
  const at = (joint: number): { x: number; y: number } | null => {
    const place = pose[joint];
    return place ? { x: place.x * width, y: place.y * height } : null;
  };
  for (const [limb, [from, to]] of LIMBS.entries()) {
    const [a, b] = [at(from), at(to)];
    if (!a || !b) continue;
    const colour = HUES[limb]!.map((value) => value * LIMB_SHARE);
    const half = { x: (b.x - a.x) / 2, y: (b.y - a.y) / 2 };
    const length = Math.max(Math.hypot(half.x, half.y), 1e-6);
    const [ux, uy] = [half.x / length, half.y / length];
    paint(picture, { x: a.x + half.x, y: a.y + half.y }, length + LIMB * unit, colour, (x, y) => {
      const along = (x * ux + y * uy) / length;
      const across = (y * ux - x * uy) / (LIMB * unit);
      return along * along + across * across <= 1;
    });
  }
  for (let joint = 0; joint < JOINTS; joint++) {
    const place = at(joint);
    if (place) paint(picture, place, JOINT * unit, HUES[joint]!, (x, y) => Math.hypot(x, y) <= JOINT * unit);
  }
  return picture;
}

/** Colours the pixels whose middle, seen from `centre`, is inside; none is further away than `reach`. */
function paint(
  { width, height, data }: Planes,
  centre: { readonly x: number; readonly y: number },
  reach: number,
  colour: readonly number[],
  isInside: (x: number, y: number) => boolean,
): void {
  const area = width * height;
  const bottom = Math.min(Math.ceil(centre.y + reach), height);
  const right = Math.min(Math.ceil(centre.x + reach), width);
  for (let y = Math.max(Math.floor(centre.y - reach), 0); y < bottom; y++) {
    for (let x = Math.max(Math.floor(centre.x - reach), 0); x < right; x++) {
      if (!isInside(x + 0.5 - centre.x, y + 0.5 - centre.y)) continue;
      for (let c = 0; c < 3; c++) data[c * area + y * width + x] = colour[c]!;
    }
  }
}
