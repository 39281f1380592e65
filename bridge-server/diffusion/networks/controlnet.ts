import { Failure } from '../../errors.ts';
import { controlConfig } from '../../networks/config.ts';
import { recordControlNet } from '../../networks/controlnet.ts';
import { recordUNet, residualShapes } from '../../networks/unet.ts';
import { shapeText } from '../../onnx/dimension.ts';
import type { Signature, Storage } from '../../onnx/model.ts';
import type { Tensors } from '../../onnx/session.ts';
import type { Part } from '../../weights/model.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Call } from '../sampling.ts';
import { bytesOf } from './memory.ts';
import { type Floats, floats, floatsFrom } from './tensors.ts';

export type ControlNet = {
  /** Whether it leads by its map as a whole ("shuffle") rather than place by place. */
  readonly isGlobal: boolean;
  /** What it adds at full strength, for a batch with the inputs that the UNet reads (others are left out) and `map`. */
  residuals(feeds: Tensors, signal: AbortSignal): Promise<Residuals>;
};

/** What is added to the UNet's skip connections and middle, by the names of its inputs, the highest resolution first. */
export type Residuals = ReadonlyMap<string, Floats>;

/** A ControlNet at work. */
export type Control = {
  readonly net: ControlNet;
  /** How strongly it acts: 1 as trained, 0 not at all. */
  readonly weight: number;
  /** The part of the sampling in which it acts, 0 <= start < end <= 1: in the calls that lie in it as a whole. */
  readonly start: number;
  readonly end: number;
  /** Guess mode: the net rather than the prompt leads. It acts the less the higher the resolution, and only on what is wanted. */
  readonly guess: boolean;
};

/**
 * Refuses, before anything is loaded, a ControlNet that cannot lead a U-Net: one that is several in one file, or one of other sizes.
 * Failures: control-union, control-unfit, and those of recording for a file that lacks something.
 */
export function refuseUnfit(net: Part, unet: Part): void {
  if (net.weights.has('task_embedding')) throw new Failure('control-union', { path: net.path });
  const sizes = { batch: 1, height: 64, width: 64, tokens: 77 };
  const { inputs, outputs } = recordControlNet(net, sizes, { storage: 'mapped' });
  const given = shapes([...inputs.filter(({ name }) => !OWN_INPUTS.includes(name)), ...outputs]);
  const wanted = shapes(recordUNet(unet, sizes, { storage: 'mapped', residuals: true }).inputs);
  for (const name of new Set([...given.keys(), ...residualShapes(unet, sizes).keys()])) {
    const [here, there] = [given.get(name) ?? 'nothing', wanted.get(name) ?? 'nothing'];
    if (here === there) continue;
    throw new Failure('control-unfit', {
      path: net.path,
      model: unet.path,
      reason: `${name} is ${here}, not ${there}`,
    });
  }
}

/** What a ControlNet reads in its own way: the map, and always a latent without the planes of inpainting models. */
const OWN_INPUTS: readonly string[] = ['map', 'sample'];

const shapes = (signatures: readonly Signature[]): Map<string, string> =>
  new Map(signatures.map(({ name, shape }) => [name, shapeText(shape)]));

export function openControlNet(part: Part, runtime: Runtime, storage: Storage): ControlNet {
  const sizes = { batch: 'batch', height: 'height', width: 'width', tokens: 'tokens' };
  const recording = recordControlNet(part, sizes, { storage });
  const network = runtime.network({ name: 'ControlNet', bytes: bytesOf(part, storage), recording });
  const inputs = new Set(recording.inputs.map(({ name }) => name));
  const { isGlobal } = controlConfig(part);
  return {
    isGlobal,
    async residuals(feeds, signal) {
      const known = Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name)));
      const outputs = await network.run(known, signal);
      return new Map(
        recording.outputs.map(({ name }) => {
          const residual = floats(outputs[name]!.shape, floatsFrom(outputs[name]!));
          return [name, isGlobal ? averaged(residual) : residual];
        }),
      );
    },
  };
}

/** Every plane as its mean. */
function averaged({ shape, data }: Floats): Floats {
  const area = shape[2]! * shape[3]!;
  const means = Float64Array.from({ length: data.length / area }, (_, plane) =>
    data.subarray(plane * area, (plane + 1) * area).reduce((sum, value) => sum + value / area, 0),
  );
  return floats(
    shape,
    data.map((_, i) => means[Math.floor(i / area)]!),
  );
}

/** Whether a control acts in a call, as upstream counts: from `start` of all calls on, and until `end` as long as there is room. */
export const acts = ({ weight, start, end }: Omit<Control, 'net'>, { done, total }: Omit<Call, 'timestep'>): boolean =>
  weight !== 0 && done / total >= start && (done + 1) / total <= end;

/** What each of `count` residuals is multiplied by: in guess mode a tenth of the weight at the highest resolution, all of it in the middle. */
export const strengths = (count: number, { weight, byDepth }: { weight: number; byDepth: boolean }): number[] =>
  Array.from({ length: count }, (_, depth) => (byDepth ? weight * 10 ** (depth / (count - 1) - 1) : weight));

/** Adds to `sum` what a net says of some items of its batch, at its strength; `rows`: which items they are. */
export function addResiduals(
  sum: ReadonlyMap<string, Floats>,
  residuals: Residuals,
  strength: readonly number[],
  rows: readonly number[],
): void {
  for (const [depth, [name, { data }]] of [...residuals].entries()) {
    const total = sum.get(name)!.data;
    const length = data.length / rows.length;
    for (const [from, to] of rows.entries()) {
      for (let i = 0; i < length; i++) total[to * length + i]! += strength[depth]! * data[from * length + i]!;
    }
  }
}
