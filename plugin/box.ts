import type { TrainSubject } from '../bridge-server/protocol/train-request.ts';

/** Where the subject is in one frame, in pixels of the clip. */
export type SubjectBox = Extract<TrainSubject, { kind: 'boxes' }>['boxes'][number];
export type Box = Omit<SubjectBox, 'frame'>;
export type Point = { readonly x: number; readonly y: number };
export type Size = { readonly width: number; readonly height: number };

/** The bridge takes none that are smaller. */
const LEAST = 16;

/** A box in whole pixels that lies in the picture and is large enough; one that does not is moved before it is cut. */
export function fittedBox({ x, y, width, height }: Box, size: Size): Box {
  const side = (length: number, limit: number): number =>
    Math.min(limit, Math.max(Math.min(LEAST, limit), Math.round(length)));
  const [wide, high] = [side(width, size.width), side(height, size.height)];
  const place = (at: number, limit: number): number => Math.min(limit, Math.max(0, Math.round(at)));
  return { x: place(x, size.width - wide), y: place(y, size.height - high), width: wide, height: high };
}

/** The box with these opposite corners, whichever they are. */
export function boxBetween(a: Point, b: Point, size: Size): Box {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  return fittedBox({ x, y, width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) }, size);
}

/** Where a subject is before anybody has said: the middle of the picture, half as wide and high. */
export const middleBox = ({ width, height }: Size): Box =>
  fittedBox({ x: width / 4, y: height / 4, width: width / 2, height: height / 2 }, { width, height });

/** What is shown before the user has drawn anything. */
export const undrawn = (from: number, size: Size): readonly SubjectBox[] => [{ frame: from, ...middleBox(size) }];

/** With what the user drew in a frame. What nobody drew goes: the subject need not be there. `from`: the first frame. */
export function withDrawn(
  boxes: readonly SubjectBox[],
  frame: number,
  box: Box,
  from: number,
  size: Size,
): readonly SubjectBox[] {
  const [first, ...more] = boxes;
  const [proposed] = undrawn(from, size);
  const text = (one: SubjectBox | undefined): string =>
    one ? [one.frame, one.x, one.y, one.width, one.height].join(' ') : '';
  const untouched = more.length === 0 && text(first) === text(proposed);
  return withBox(untouched ? [] : boxes, frame, box);
}

/** With the box of that frame instead; in the order of the frames. */
export const withBox = (boxes: readonly SubjectBox[], frame: number, box: Box): readonly SubjectBox[] =>
  [...withoutBox(boxes, frame), { frame, ...box }].sort((a, b) => a.frame - b.frame);

export const withoutBox = (boxes: readonly SubjectBox[], frame: number): readonly SubjectBox[] =>
  boxes.filter((box) => box.frame !== frame);

/** Those in the range, which may have been trimmed since they were drawn. */
export const boxesWithin = (boxes: readonly SubjectBox[], from: number, to: number | null): readonly SubjectBox[] =>
  boxes.filter(({ frame }) => frame >= from && (to === null || frame < to));
