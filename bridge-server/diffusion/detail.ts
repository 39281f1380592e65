import type { Mask } from '../masks/mask.ts';
import type { Box } from '../shot/track.ts';
import { type Planes, withData } from './picture/planes.ts';
import type { Size } from './picture/size.ts';

/** How a detail is painted over, at the model's own size, once the picture is finished. */
export type DetailSettings = {
  /** Null: the picture's own prompts. */
  readonly prompt: string | null;
  /** How much of it is repainted, above 0 to 1. */
  readonly strength: number;
  /** Pixels of the picture over which it fades out around its box. */
  readonly feather: number;
};

/** A rectangle of whole pixels. */
export type Rectangle = Box;

/**
 * Where a detail (a face, say) is painted over in one frame: `crop` is what is painted, `box` the part that it is painted for, which
 * fades out around it. Both keep their size for the whole shot, and lie on whole pixels: so the crop's grid and its noise move with
 * the detail, and nothing swims in it. `crop` lies in the picture; `box` may stick out.
 */
export type Placement = { readonly crop: Rectangle; readonly box: Rectangle };

/** What is around the box in the crop, on each side: a share of its length, and so many pixels beyond the feather to hold on to. */
const SURROUNDINGS = 0.25;
const LEAST = 8;

/** Frames that the middle of the box is averaged over: a Gaussian of this sigma, cut off at three. */
const STEADY_FRAMES = 1.5;

/**
 * The placements for a tracked box, for the frames that have one: its largest size, its middle freed of the tracking's trembling.
 * The same boxes give the same placements.
 *
 * @param feather pixels over which the box fades out; the crop reaches at least that far
 */
export function placementsOf(boxes: ReadonlyMap<number, Box>, feather: number, picture: Size): Map<number, Placement> {
  const longest = (side: 'width' | 'height'): number =>
    Math.ceil([...boxes.values()].reduce((most, box) => Math.max(most, box[side]), 1));
  const box = { width: longest('width'), height: longest('height') };
  const around = (length: number): number => length + 2 * Math.max(Math.ceil(SURROUNDINGS * length), feather + LEAST);
  const crop = {
    width: Math.min(around(box.width), picture.width),
    height: Math.min(around(box.height), picture.height),
  };
  return new Map(
    [...boxes.keys()].map((frame) => {
      const middle = steadied(boxes, frame);
      const inside = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
      return [
        frame,
        {
          box: { ...box, x: Math.round(middle.x - box.width / 2), y: Math.round(middle.y - box.height / 2) },
          crop: {
            ...crop,
            x: inside(Math.round(middle.x - crop.width / 2), picture.width - crop.width),
            y: inside(Math.round(middle.y - crop.height / 2), picture.height - crop.height),
          },
        },
      ];
    }),
  );
}

/** The box's middle at a frame, averaged with those of its neighbours as far as they reach on both sides alike. */
function steadied(boxes: ReadonlyMap<number, Box>, frame: number): { x: number; y: number } {
  let [x, y, sum] = [0, 0, 0];
  const count = (at: number, weight: number): void => {
    const box = boxes.get(at)!;
    x += weight * (box.x + box.width / 2);
    y += weight * (box.y + box.height / 2);
    sum += weight;
  };
  count(frame, 1);
  // In pairs: a box that moves evenly stays where it is, also near the ends.
  for (let d = 1; d <= 3 * STEADY_FRAMES && boxes.has(frame - d) && boxes.has(frame + d); d++) {
    const weight = Math.exp(-(d * d) / (2 * STEADY_FRAMES ** 2));
    count(frame - d, weight);
    count(frame + d, weight);
  }
  return { x: x / sum, y: y / sum };
}

/**
 * How much of the crop is replaced, at its size: 1 in the box, falling smoothly to 0 over `feather` pixels around it, and exactly 0
 * from there on.
 */
export function coverOf({ crop, box }: Placement, feather: number): Mask {
  const beyond = (at: number, start: number, length: number): number =>
    Math.max(start - at, at - (start + length - 1), 0);
  const data = Float32Array.from({ length: crop.width * crop.height }, (_, i) => {
    const dx = beyond(crop.x + (i % crop.width), box.x, box.width);
    const dy = beyond(crop.y + Math.floor(i / crop.width), box.y, box.height);
    const distance = Math.hypot(dx, dy);
    const t = distance > feather ? 0 : 1 - distance / (feather + 1);
    return t * t * (3 - 2 * t);
  });
  return { channels: 1, width: crop.width, height: crop.height, data };
}

/** The picture with `painted` in place of the crop, as much as `cover` says; what it leaves at 0 is the picture's own, bit for bit. */
export function pasted(picture: Planes, painted: Planes, { crop }: Placement, cover: Mask): Planes {
  const data = picture.data.slice();
  for (let c = 0; c < picture.channels; c++) {
    for (let y = 0; y < crop.height; y++) {
      for (let x = 0; x < crop.width; x++) {
        const weight = cover.data[y * crop.width + x]!;
        if (weight === 0) continue;
        const at = (c * picture.height + crop.y + y) * picture.width + crop.x + x;
        data[at] = data[at]! + weight * (painted.data[(c * crop.height + y) * crop.width + x]! - data[at]!);
      }
    }
  }
  return withData(picture, data);
}
