import type { Tensors } from '../../onnx/session.ts';
import type { Part } from '../../weights/model.ts';
import type { Planes } from '../picture/planes.ts';
import type { Region, Share } from '../regions.ts';
import { CELL } from './autoencoder.ts';
import { type Floats, floats, joined } from './tensors.ts';
import { type Conditioning, sameLength } from './text.ts';

/** How a prompt and what to avoid steer the sampling. `negative` null: the prompt alone, in one call. */
export type Guidance = {
  readonly positive: Conditioning;
  /** Parts of the picture with prompts of their own, each for one more call; what is to be avoided is the same for all. */
  readonly regions: readonly Region[];
  readonly negative: Conditioning | null;
  readonly scale: number;
};

/** One item of a batch: a picture of a window, by its place there, under one side of its guidance. */
export type Item = {
  readonly at: number;
  /** Which side: 0, 1, … in the order of the calls. */
  readonly side: number;
  readonly condition: Conditioning;
  readonly isNegative: boolean;
  readonly scale: number;
};

/** The pictures of a window under each side of their guidance: what is to be avoided first, where it is asked for, then the rows of `shares`. */
export function sidesOf(part: Part, window: readonly Guidance[], shares: readonly (readonly Share[])[]): Item[][] {
  const avoided = window.flatMap(({ negative }) => (negative === null || isTold(part) ? [] : [negative]));
  const isGuided = avoided.length > 0;
  const sides = [...(isGuided ? [avoided] : []), ...shares.map((row) => row.map(({ conditioning }) => conditioning))];
  const conditions = sameLength(sides.flat());
  return sides.map((row, side) =>
    row.map((_, at) => ({
      ...{ at, side, condition: conditions[side * window.length + at]! },
      isNegative: isGuided && side === 0,
      scale: window[at]!.scale,
    })),
  );
}

/** What the network is told of each item: all of its inputs but the latents. */
export function conditionsOf(
  part: Part,
  shape: Omit<Planes, 'data'>,
  items: readonly Item[],
  timestep: number,
): Tensors {
  const batch = items.length;
  const rows = (values: (item: Item) => Float32Array): Floats => {
    const data = joined(...items.map(values));
    return floats([batch, data.length / batch], data);
  };
  const { tokens } = items[0]!.condition;
  const context = joined(...items.map(({ condition }) => condition.context));
  const ids = sizeIds(part, shape);
  return {
    timestep: floats([batch], new Float32Array(batch).fill(timestep)),
    context: floats([batch, tokens, context.length / batch / tokens], context),
    ...(ids
      ? { pooled: rows(({ condition }) => condition.pooled!), time_ids: rows(({ isNegative }) => ids(isNegative)) }
      : {}),
    ...(isTold(part)
      ? {
          guidance: floats(
            [batch],
            Float32Array.from(items, ({ scale }) => scale),
          ),
        }
      : {}),
  };
}

/** Pictures or latents of one shape as a batch. */
export function batchOf(planes: readonly Planes[]): Floats {
  const [{ channels, height, width }] = planes as [Planes];
  return floats([planes.length, channels, height, width], joined(...planes.map(({ data }) => data)));
}

/** Models that were distilled with their guidance are told it, instead of being called twice. */
const isTold = (part: Part): boolean => part.weights.has('time_embedding.cond_proj.weight');

/** The aesthetic scores that SDXL's refiner is told, for what is wanted and for what is to be avoided. */
const AESTHETIC = { wanted: 6, avoided: 2.5 };

/**
 * SDXL is told the size of the picture, where its crop begins, and the size that is asked for: here the same size and no crop. Its
 * refiner is told how beautiful the picture is, in place of the last. Null for families that are told nothing.
 */
function sizeIds(part: Part, { height, width }: Omit<Planes, 'data'>): ((isNegative: boolean) => Float32Array) | null {
  const size = [height * CELL, width * CELL];
  switch (part.family) {
    case 'sdxl':
      return () => Float32Array.from([...size, 0, 0, ...size]);
    case 'sdxl-refiner':
      return (isNegative) => Float32Array.from([...size, 0, 0, isNegative ? AESTHETIC.avoided : AESTHETIC.wanted]);
    case 'sd15':
    case 'sd21':
    case null:
      return null;
  }
}
