import { recordUNet } from '../../networks/unet.ts';
import type { Storage } from '../../onnx/model.ts';
import type { Tensors } from '../../onnx/session.ts';
import type { Part } from '../../weights/model.ts';
import type { Planes } from '../picture/planes.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { guide, type Predict } from '../sampling.ts';
import { CELL } from './autoencoder.ts';
import { bytesOf } from './memory.ts';
import { floats, floatsFrom, joined } from './tensors.ts';
import type { Conditioning } from './text.ts';

/** How a prompt and what to avoid steer the sampling. `negative` null: the prompt alone, in one call. */
export type Guidance = {
  readonly positive: Conditioning;
  readonly negative: Conditioning | null;
  readonly scale: number;
};

/** What the prediction of one picture depends on besides its latent. */
export type Member = {
  readonly guidance: Guidance;
  /** Planes that are put beside every input (inpainting models). */
  readonly extra: Planes | null;
};

export type UNet = {
  /** Channels of the input: those of the latent, and more for inpainting models. */
  readonly channels: number;
  /** The prediction for the latents of a window of pictures, of one shape each, joined end to end in the order of `members`. */
  predictor(shape: Omit<Planes, 'data'>, members: readonly Member[]): Predict;
};

/** Both sides of the guidance in one call of a batch of two, or one after the other, in half the memory. */
export type GuidanceCalls = 'batched' | 'split';

export function openUNet(part: Part, runtime: Runtime, storage: Storage, calls: GuidanceCalls): UNet {
  const network = runtime.network({
    name: 'UNet',
    bytes: bytesOf(part, storage),
    recording: recordUNet(part, { batch: 'batch', height: 'height', width: 'width', tokens: 'tokens' }, { storage }),
  });
  const channels = part.weights.get('conv_in.weight')!.shape[1]!;

  const one = (shape: Omit<Planes, 'data'>, { guidance: { positive, negative, scale }, extra }: Member): Predict => {
    const sizes = sizeIds(part, shape);
    const call = async (
      input: Float32Array,
      timestep: number,
      sides: readonly { readonly condition: Conditioning; readonly isNegative: boolean }[],
      signal: AbortSignal,
    ): Promise<Float32Array> => {
      const batch = sides.length;
      const whole = extra ? joined(input, extra.data) : input;
      const each = (values: Float32Array) => joined(...sides.map(() => values));
      const context = joined(...sides.map(({ condition }) => condition.context));
      const { tokens } = sides[0]!.condition;
      const feeds: Record<string, Tensors[string]> = {
        sample: floats([batch, channels, shape.height, shape.width], each(whole)),
        timestep: floats([batch], new Float32Array(batch).fill(timestep)),
        context: floats([batch, tokens, context.length / batch / tokens], context),
      };
      if (sizes) {
        const pooled = joined(...sides.map(({ condition }) => condition.pooled!));
        feeds.pooled = floats([batch, pooled.length / batch], pooled);
        const ids = joined(...sides.map(({ isNegative }) => sizes(isNegative)));
        feeds.time_ids = floats([batch, ids.length / batch], ids);
      }
      if (isTold(part)) feeds.guidance = floats([batch], new Float32Array(batch).fill(scale));
      return floatsFrom((await network.run(feeds, signal)).prediction!);
    };

    if (negative === null || isTold(part)) {
      return (input, timestep, signal) => call(input, timestep, [{ condition: positive, isNegative: false }], signal);
    }
    const [avoid, want] = sameLength(negative, positive);
    const sides = [
      { condition: avoid, isNegative: true },
      { condition: want, isNegative: false },
    ];
    return async (input, timestep, signal) => {
      if (calls === 'batched') {
        const both = await call(input, timestep, sides, signal);
        return guide(both.subarray(0, input.length), both.subarray(input.length), scale);
      }
      const away = await call(input, timestep, sides.slice(0, 1), signal);
      signal.throwIfAborted();
      return guide(away, await call(input, timestep, sides.slice(1), signal), scale);
    };
  };

  return {
    channels,
    predictor(shape, members) {
      const each = members.map((member) => one(shape, member));
      return async (input, timestep, signal) => {
        const length = input.length / each.length;
        const predictions: Float32Array[] = [];
        for (const [i, predict] of each.entries()) {
          predictions.push(await predict(input.subarray(i * length, (i + 1) * length), timestep, signal));
        }
        return predictions.length === 1 ? predictions[0]! : joined(...predictions);
      };
    },
  };
}

/** Models that were distilled with their guidance are told it, instead of being called twice. */
const isTold = (part: Part): boolean => part.weights.has('time_embedding.cond_proj.weight');

/**
 * Both conditions repeated to one length, so that they fit a batch: attention to the same keys several times over is attention to
 * them once.
 */
function sameLength(a: Conditioning, b: Conditioning): [Conditioning, Conditioning] {
  const tokens = (a.tokens * b.tokens) / greatestCommonDivisor(a.tokens, b.tokens);
  const repeat = (c: Conditioning): Conditioning => ({
    ...c,
    tokens,
    context: joined(...Array.from({ length: tokens / c.tokens }, () => c.context)),
  });
  return [repeat(a), repeat(b)];
}

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
