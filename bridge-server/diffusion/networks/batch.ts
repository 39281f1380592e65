import type { Tensors } from '../../onnx/session.ts';
import type { Part } from '../../weights/model.ts';
import type { Planes } from '../picture/planes.ts';
import { CELL } from './autoencoder.ts';
import { type Floats, floats, joined } from './tensors.ts';
import type { Conditioning } from './text.ts';

/** How a prompt and what to avoid steer the sampling. `negative` null: the prompt alone, in one call. */
export type Guidance = {
  readonly positive: Conditioning;
  readonly negative: Conditioning | null;
  readonly scale: number;
};

/** One item of a batch: a picture of a window, by its place there, under one side of its guidance. */
export type Item = {
  readonly at: number;
  readonly condition: Conditioning;
  readonly isNegative: boolean;
  readonly scale: number;
};

/** The pictures of a window under each side of their guidance: what is to be avoided first, where it is asked for. */
export function sidesOf(part: Part, window: readonly Guidance[]): Item[][] {
  const positive = window.map(({ positive: condition, scale }, at) => ({ at, condition, isNegative: false, scale }));
  const negative = window.flatMap(({ negative: condition, scale }, at) =>
    condition === null || isTold(part) ? [] : [{ at, condition, isNegative: true, scale }],
  );
  const items = sameLength([...negative, ...positive]);
  return negative.length > 0 ? [items.slice(0, negative.length), items.slice(negative.length)] : [items];
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

/**
 * All conditions repeated to one length, so that they fit a batch: attention to the same keys several times over is attention to
 * them once.
 */
function sameLength(items: readonly Item[]): Item[] {
  const tokens = items.reduce((length, { condition }) => leastCommonMultiple(length, condition.tokens), 1);
  return items.map((item) => {
    const times = tokens / item.condition.tokens;
    const context = joined(...Array.from({ length: times }, () => item.condition.context));
    return { ...item, condition: { ...item.condition, tokens, context } };
  });
}

const leastCommonMultiple = (a: number, b: number): number => (a * b) / greatestCommonDivisor(a, b);
const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

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
