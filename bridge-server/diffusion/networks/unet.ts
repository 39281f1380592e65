import { recordUNet, residualShapes } from '../../networks/unet.ts';
import type { Storage } from '../../onnx/model.ts';
import type { Tensor } from '../../onnx/session.ts';
import type { Part } from '../../weights/model.ts';
import { type Planes, stack } from '../picture/planes.ts';
import { mixed, sharesOf } from '../regions.ts';
import type { Network, Runtime } from '../runtime/runtime.ts';
import { type Call, guide, type Predict } from '../sampling.ts';
import { batchOf, conditionsOf, type Guidance, type Item, sidesOf } from './batch.ts';
import { blendContexts, contextOf, contextsOf } from './contexts.ts';
import { acts, addResiduals, type Control, strengths } from './controlnet.ts';
import { bytesOf } from './memory.ts';
import { type Floats, floats, floatsFrom, joined } from './tensors.ts';

/** What the prediction of one picture depends on besides its latent. */
export type Member = {
  readonly guidance: Guidance;
  /** Planes that are put beside every input (inpainting models). */
  readonly extra: Planes | null;
  /** What each of the UNet's controls is shown of it: three planes in [0, 1], at the pixels of the picture. */
  readonly maps: readonly Planes[];
};

/** For each member of a window those that its self-attention reads, by their places; as many for each. */
export type Sees = readonly (readonly number[])[];

export type UNet = {
  /** Channels of the input: those of the latent, and more for inpainting models. */
  readonly channels: number;
  /**
   * The prediction for the latents of a window of pictures, of one shape each, joined end to end in the order of `members`. Without
   * `sees` each is predicted as if it were alone. With motion modules they are consecutive frames, in contexts of some at a time.
   */
  predictor(shape: Omit<Planes, 'data'>, members: readonly Member[], sees?: Sees | null): Predict;
};

/** Two sides of the guidance in one call of a batch, or one after the other, in half the memory. */
export type GuidanceCalls = 'batched' | 'split';

/** What works with the UNet: ControlNets, and AnimateDiff's motion modules. */
export type UNetCompany = { readonly controls?: readonly Control[]; readonly motion?: Part | null };

export function openUNet(
  part: Part,
  runtime: Runtime,
  storage: Storage,
  calls: GuidanceCalls,
  { controls = [], motion = null }: UNetCompany = {},
): UNet {
  const sizes = { batch: motion ? 'clips*frames' : 'batch', height: 'height', width: 'width', tokens: 'tokens' };
  const clips = motion ? { motion: { part: motion, clips: 'clips', frames: 'frames' } } : {};
  const bytes = bytesOf(part, storage) + (motion ? bytesOf(motion, storage) : 0);
  const channels = part.weights.get('conv_in.weight')!.shape[1]!;
  /** Recorded when first needed; they share the file's weights. */
  const variants = new Map<string, Network>();
  function variant(options: { readonly residuals: boolean; readonly crossFrame: boolean }): Network {
    const key = JSON.stringify(options);
    const recorded = variants.get(key);
    if (recorded) return recorded;
    const recording = recordUNet(part, sizes, { storage, ...clips, ...options });
    const network = runtime.network({ name: 'UNet', bytes, recording });
    variants.set(key, network);
    return network;
  }

  /** Predicts pictures together: one call for each side of the guidance, or one for two. */
  function together(shape: Omit<Planes, 'data'>, members: readonly Member[], sees: Sees | null): Predict {
    const guidance = members.map((member) => member.guidance);
    const shares = sharesOf(guidance);
    const sides = sidesOf(part, guidance, shares);
    // A clip is large enough a batch.
    const batches = calls === 'batched' && !motion ? pairs(sides) : sides;
    let zeros: ((batch: number) => Map<string, Floats>) | null = null;

    return async (input, call, signal) => {
      const latents = parts(input, members.length).map((data) => ({ ...shape, data }));
      const acting = controls.flatMap((control, k) => (acts(control, call) ? [k] : []));
      // Folded weights are too large to be held twice: then one network serves all calls, and is given zeros when no control acts.
      const residuals = acting.length > 0 || (controls.length > 0 && storage === 'folded');
      const added = residuals ? await residualsOf(acting, latents, call, signal) : [];
      const network = variant({ residuals, crossFrame: sees !== null });
      const predictions: Float32Array[] = [];
      for (const [b, items] of batches.entries()) {
        signal.throwIfAborted();
        const whole = items.map(({ at }) => withExtra(latents[at]!, members[at]!.extra));
        const feeds = {
          ...conditionsOf(part, shape, items, call.timestep),
          sample: batchOf(whole),
          ...(residuals ? Object.fromEntries(added[b]!) : {}),
          ...(sees ? { sees: rowsSeen(items, sees) } : {}),
          ...(motion ? { positions: positionsOf(items.length / members.length, members.length) } : {}),
        };
        predictions.push(floatsFrom((await network.run(feeds, signal)).prediction!));
      }
      const bySide = parts(joined(...predictions), sides.length).map((side) => parts(side, members.length));
      const away = bySide.length > shares.length ? bySide.shift()! : null;
      return joined(
        ...guidance.map(({ scale }, i) => {
          const towards = mixed(
            shares.map((row) => row[i]!),
            bySide.map((side) => side[i]!),
          );
          return away ? guide(away[i]!, towards, scale) : towards;
        }),
      );
    };

    /** What the acting controls add to each batch. Net by net, so that each is loaded once a step when only one fits the memory. */
    async function residualsOf(
      acting: readonly number[],
      latents: readonly Planes[],
      { timestep }: Call,
      signal: AbortSignal,
    ): Promise<Map<string, Floats>[]> {
      zeros ??= zeroResiduals(part, shape);
      const sums = batches.map(({ length }) => zeros!(length));
      for (const k of acting) {
        const { net, weight, guess } = controls[k]!;
        for (const [b, items] of batches.entries()) {
          const rows = items.flatMap(({ isNegative }, row) => (guess && isNegative ? [] : [row]));
          if (rows.length === 0) continue;
          signal.throwIfAborted();
          const led = rows.map((row) => items[row]!);
          const feeds = {
            ...conditionsOf(part, shape, led, timestep),
            sample: batchOf(led.map(({ at }) => latents[at]!)),
            map: batchOf(led.map(({ at }) => members[at]!.maps[k]!)),
          };
          const residuals = await net.residuals(feeds, signal);
          addResiduals(
            sums[b]!,
            residuals,
            strengths(residuals.size, { weight, byDepth: guess && !net.isGlobal }),
            rows,
          );
        }
      }
      return sums;
    }
  }

  /** As many frames at a time as motion modules know; those that a frame would see outside of its context are left to itself. */
  function inContexts(shape: Omit<Planes, 'data'>, members: readonly Member[], sees: Sees | null): Predict {
    const contexts = contextsOf(members.length, contextOf(motion!));
    const predicts = contexts.map(({ from, to }) =>
      together(shape, members.slice(from, to), sees && seesWithin(sees, from, to)),
    );
    return async (input, call, signal) => {
      const frames = parts(input, members.length);
      const predictions: Float32Array[] = [];
      for (const [c, { from, to }] of contexts.entries()) {
        predictions.push(await predicts[c]!(joined(...frames.slice(from, to)), call, signal));
      }
      return blendContexts(contexts, predictions, members.length);
    };
  }

  return {
    channels,
    predictor(shape, members, sees = null) {
      if (motion) return inContexts(shape, members, sees);
      if (sees) return together(shape, members, sees);
      const alone = members.map((member) => together(shape, [member], null));
      return async (input, call, signal) => {
        const predictions: Float32Array[] = [];
        for (const [i, own] of parts(input, members.length).entries()) {
          predictions.push(await alone[i]!(own, call, signal));
        }
        return joined(...predictions);
      };
    },
  };
}

/** Nothing to add, for a batch of any number of latents of one shape. */
function zeroResiduals(part: Part, { height, width }: Omit<Planes, 'data'>): (batch: number) => Map<string, Floats> {
  const shapes = residualShapes(part, { batch: 1, height, width, tokens: 'tokens' });
  return (batch) =>
    new Map(
      [...shapes].map(([name, [, ...size]]) => {
        const shape = [batch, ...size.map(Number)];
        return [name, floats(shape, new Float32Array(shape.reduce((product, length) => product * length, 1)))];
      }),
    );
}

const withExtra = (latent: Planes, extra: Planes | null): Planes => (extra ? stack(latent, extra) : latent);

/** Two by two, the last perhaps alone, put together. */
const pairs = <T>(rows: readonly (readonly T[])[]): T[][] =>
  rows.flatMap((row, i) => (i % 2 === 0 ? [[...row, ...(rows[i + 1] ?? [])]] : []));

/** An array cut into equal parts. */
const parts = (all: Float32Array, count: number): Float32Array[] =>
  Array.from({ length: count }, (_, i) => all.subarray((i * all.length) / count, ((i + 1) * all.length) / count));

const seesWithin = (sees: Sees, from: number, to: number): Sees =>
  sees.slice(from, to).map((seen, at) => seen.map((other) => (other >= from && other < to ? other - from : at)));

/** The numbers of the frames in each of some clips. */
const positionsOf = (clips: number, frames: number): Tensor => ({
  dtype: 'int64',
  shape: [clips, frames],
  data: BigInt64Array.from({ length: clips * frames }, (_, i) => BigInt(i % frames)),
});

/** The rows of a batch that each item reads: the members that it sees, on its own side of the guidance. */
function rowsSeen(items: readonly Item[], sees: Sees): Tensor {
  const rows = items.flatMap(({ at, side }) =>
    sees[at]!.map((other) => items.findIndex((item) => item.at === other && item.side === side)),
  );
  return { dtype: 'int64', shape: [items.length, rows.length / items.length], data: BigInt64Array.from(rows, BigInt) };
}
