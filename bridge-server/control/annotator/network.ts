import type { Planes } from '../../diffusion/picture/planes.ts';
import { resample } from '../../diffusion/picture/resample.ts';
import type { Size } from '../../diffusion/picture/size.ts';
import type { Runtime } from '../../diffusion/runtime/runtime.ts';
import { Failure } from '../../errors.ts';
import type { Recording, Signature } from '../../onnx/model.ts';
import type { Tensor } from '../../onnx/session.ts';
import type { Description } from './description.ts';
import { type OnnxFile, type Port, readOnnxFile } from './onnx-file.ts';

/** A picture, three planes in [0, 1], to what the network says of it: planes of its own size and meaning. */
export type AnnotatorNetwork = (picture: Planes, signal: AbortSignal) => Promise<Planes>;

/**
 * Makes ready to run an annotator in the runtime's own process. What file and description say of each other is compared, and then the
 * network runs once, on grey in the shape of `clip`, so that nothing is refused later.
 *
 * @param channels how many the output may have; `what`: in words
 * Failures: media-missing, annotator-unusable, annotator-output, graph-refused.
 */
export async function openAnnotatorNetwork(
  path: string,
  { input, output }: Description,
  expected: { readonly channels: (count: number) => boolean; readonly what: string },
  runtime: Runtime,
  clip: Size,
  signal: AbortSignal,
): Promise<AnnotatorNetwork> {
  const file = await readOnnxFile(path);
  const ports = portsOf(path, file, input, output.name);
  const network = runtime.network({
    name: 'annotator',
    bytes: file.bytes.length,
    recording: recordingOf(file.bytes, ports),
  });
  const run: AnnotatorNetwork = async (picture, abort) => {
    const feeds = { [ports.input.name]: feedOf(picture, input) };
    const result = (await network.run(feeds, abort))[ports.output.name]!;
    const planes = planesOf(result, output.layout);
    if (planes && expected.channels(planes.channels)) return planes;
    throw new Failure('annotator-output', { path, wanted: expected.what, shape: result.shape.join('x') });
  };
  const { width, height } = inputSize(input.size, clip);
  await run({ channels: 3, width, height, data: new Float32Array(3 * width * height).fill(0.5) }, signal);
  return run;
}

/** Numbers of TensorProto.DataType. */
const FLOAT32 = 1;
const INT64 = 7;

function portsOf(
  path: string,
  { inputs, outputs }: OnnxFile,
  { layout, size }: Description['input'],
  named: string | null,
): { readonly input: Port; readonly output: Port } {
  const refuse = (reason: string): never => {
    throw new Failure('annotator-unusable', { path, reason });
  };
  const [input] = inputs;
  if (!input || inputs.length > 1) return refuse(`it has ${inputs.length} inputs, not one picture`);
  if (input.type !== FLOAT32) return refuse('its input does not take 32-bit floats');
  const wanted = layout === 'nchw' ? [1, 3, 'height', 'width'] : [1, 'height', 'width', 3];
  const fixed = 'width' in size ? { height: size.height, width: size.width } : null;
  const fits = (said: number | string | null, want: number | string): boolean =>
    typeof said !== 'number' || said <= 0 || said === (typeof want === 'number' ? want : fixed?.[want as 'height']);
  if (input.shape && (input.shape.length !== 4 || !wanted.every((want, i) => fits(input.shape![i]!, want)))) {
    const described = wanted.map((want) => (typeof want === 'number' ? want : (fixed?.[want as 'height'] ?? want)));
    return refuse(`its input is ${shapeText(input)}, its description says ${described.join('x')}`);
  }
  const output = named === null ? outputs[0]! : outputs.find(({ name }) => name === named);
  const names = outputs.map(({ name }) => name).join(', ');
  if (!output) return refuse(`it has no output ${named}, only ${names}`);
  if (named === null && outputs.length > 1) return refuse(`its description must name one of its outputs (${names})`);
  if (output.type !== FLOAT32 && output.type !== INT64)
    return refuse('its output is neither 32-bit floats nor 64-bit integers');
  return { input, output };
}

const shapeText = ({ shape }: Port): string => (shape ?? []).map((size) => size ?? '?').join('x');

function recordingOf(bytes: Uint8Array, { input, output }: { input: Port; output: Port }): Recording {
  const signature = ({ name, type }: Port): Signature => ({
    name,
    dtype: type === INT64 ? 'int64' : 'float32',
    shape: [],
  });
  // Everything is in the bytes: no folder is looked into.
  return {
    bytes,
    root: '',
    storage: 'folded',
    distinct: false,
    inputs: [signature(input)],
    outputs: [signature(output)],
  };
}

/** The size that the network sees a picture at. */
function inputSize(size: Description['input']['size'], picture: Size): Size {
  if ('width' in size) return size;
  const scale = size.shorter / Math.min(picture.width, picture.height);
  const fit = (length: number): number => Math.max(1, Math.round((length * scale) / size.multipleOf)) * size.multipleOf;
  return { width: fit(picture.width), height: fit(picture.height) };
}

function feedOf(picture: Planes, { size, layout, channels, range, mean, std }: Description['input']): Tensor {
  const { width, height } = inputSize(size, picture);
  const { data } = resample(picture, width, height);
  const area = width * height;
  const out = new Float32Array(3 * area);
  const [black, white] = range;
  for (let c = 0; c < 3; c++) {
    const plane = (channels === 'rgb' ? c : 2 - c) * area;
    for (let p = 0; p < area; p++) {
      const value = Math.min(Math.max(data[plane + p]!, 0), 1);
      out[layout === 'nchw' ? c * area + p : 3 * p + c] = (black + (white - black) * value - mean[c]!) / std[c]!;
    }
  }
  return { dtype: 'float32', shape: layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3], data: out };
}

/** One picture of any number of channels; where there is one, the shape may leave it out. Null: that is none. */
function planesOf({ shape, data }: Tensor, layout: 'nchw' | 'nhwc'): Planes | null {
  const sizes = shape.length === 4 ? shape : layout === 'nchw' ? withoutChannel(shape, 1) : withoutChannel(shape, 3);
  if (sizes?.length !== 4 || sizes[0] !== 1) return null;
  const [, a, b, c] = sizes as [number, number, number, number];
  const [channels, height, width] = layout === 'nchw' ? [a, b, c] : [c, a, b];
  const values = data instanceof Float32Array ? data : Float32Array.from(data, Number);
  if (layout === 'nchw' || channels === 1) return { channels, height, width, data: values };
  const planar = new Float32Array(values.length);
  for (let p = 0; p < height * width; p++) {
    for (let k = 0; k < channels; k++) planar[k * height * width + p] = values[p * channels + k]!;
  }
  return { channels, height, width, data: planar };
}

/** [1, height, width] and [height, width] with the channel that they leave out. */
function withoutChannel(shape: readonly number[], at: number): number[] | null {
  const whole = shape.length === 2 ? [1, ...shape] : shape.length === 3 ? [...shape] : null;
  return whole && [...whole.slice(0, at), 1, ...whole.slice(at)];
}
