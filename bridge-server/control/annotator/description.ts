import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Failure } from '../../errors.ts';

const triple = z.tuple([z.number(), z.number(), z.number()]);
const layout = z.enum(['nchw', 'nhwc']);
const side = z.int().min(16).max(4096);

/** What the network is given: float32, one picture, [1, 3, height, width] or [1, height, width, 3]. */
const inputSchema = z.strictObject({
  size: z.union([
    z.strictObject({ width: side, height: side }),
    /** In the clip's shape: the shorter side about this long, both multiples of `multipleOf`. */
    z.strictObject({ shorter: side, multipleOf: z.int().min(1).max(256) }),
  ]),
  layout: layout.default('nchw'),
  channels: z.enum(['rgb', 'bgr']).default('rgb'),
  /** What black and white are before `mean` and `std` (in the order of `channels`): (value - mean) / std. */
  range: z.tuple([z.number(), z.number()]).default([0, 1]),
  mean: triple.default([0, 0, 0]),
  std: triple.refine((values) => values.every((value) => value > 0), 'must be above 0').default([1, 1, 1]),
});

const output = {
  /** Of the graph's output; without it there must be one only. */
  name: z.string().min(1).max(256).nullable().default(null),
  layout: layout.default('nchw'),
};

/** Lines of any kind: one channel or three, white lines on black once `sigmoid` and `invert` have been applied. */
const linesOutput = z.strictObject({
  ...output,
  range: z.tuple([z.number(), z.number()]).default([0, 1]),
  sigmoid: z.boolean().default(false),
  invert: z.boolean().default(false),
});

const colour = z.tuple([z.int().min(0).max(255), z.int().min(0).max(255), z.int().min(0).max(255)]);

/** What stands beside an annotator network, in a file of the same name with the extension .json. */
const descriptionSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('depth'),
    input: inputSchema,
    output: z.strictObject({
      ...output,
      /** 'inverse': more is nearer (MiDaS, Depth Anything); 'metric': a distance (ZoeDepth). */
      values: z.enum(['inverse', 'metric']),
      /** Shares of the picture, in percent, that become black and white: what a few wild values must not decide. */
      percentiles: z
        .tuple([z.number().min(0).max(100), z.number().min(0).max(100)])
        .refine(([low, high]) => low < high, 'the first must be less than the second')
        .default([1, 99]),
    }),
  }),
  z.strictObject({
    kind: z.literal('normal'),
    input: inputSchema,
    output: z.strictObject({
      ...output,
      /** What stands for -1 and 1. */
      range: z.tuple([z.number(), z.number()]).default([-1, 1]),
      /** -1 turns an axis round; the map has x to the right as red, y up as green, towards the camera as blue. */
      axes: z.tuple([z.literal([-1, 1]), z.literal([-1, 1]), z.literal([-1, 1])]).default([1, 1, 1]),
    }),
  }),
  z.strictObject({
    kind: z.literal('segmentation'),
    input: inputSchema,
    output: z.strictObject({
      ...output,
      /** 'scores': a channel a label, the highest counts; 'labels': one channel of label numbers. */
      values: z.enum(['scores', 'labels']),
      /** Colours of the labels from 0 on; 'ade20k' is what ControlNets for segmentation were trained with. */
      palette: z.union([z.literal('ade20k'), z.array(colour).min(1).max(1024)]),
    }),
  }),
  z.strictObject({
    kind: z.literal('pose'),
    input: inputSchema,
    output: z.strictObject({
      ...output,
      /** Which joint each heatmap is for: COCO's 17, or OpenPose's 18. */
      skeleton: z.enum(['coco17', 'openpose18']),
      /** A joint whose heatmap stays below this is not drawn. */
      threshold: z.number().default(0.3),
    }),
  }),
  z.strictObject({ kind: z.literal('softedge'), input: inputSchema, output: linesOutput }),
  z.strictObject({ kind: z.literal('lineart'), input: inputSchema, output: linesOutput }),
  z.strictObject({ kind: z.literal('scribble'), input: inputSchema, output: linesOutput }),
]);

export type Description = z.infer<typeof descriptionSchema>;

/** Where the description of a network lies. */
const descriptionPath = (network: string): string => network.replace(/\.onnx$/i, '') + '.json';

/** Larger than any description: something else was taken for one. */
const LIMIT_BYTES = 1e6;

/** Reads and checks the description beside a network. Failures: annotator-undescribed, annotator-description. */
export async function readDescription(network: string): Promise<Description> {
  const path = descriptionPath(network);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new Failure('annotator-undescribed', { network, path }, error);
  }
  const refuse = (problem: string, cause?: unknown): never => {
    throw new Failure('annotator-description', { path, problem }, cause);
  };
  if (text.length > LIMIT_BYTES) return refuse('it is too long');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return refuse('it is not JSON', error);
  }
  const read = descriptionSchema.safeParse(json);
  if (read.success) return read.data;
  return refuse(problemOf(read.error.issues[0]), read.error);
}

/** "output.values: …": the first thing that is wrong. */
function problemOf(issue: z.core.$ZodIssue | undefined): string {
  if (!issue) return 'it says nothing';
  // Of a union, what is wrong with the variant that came closest.
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const closest = [...issue.errors].sort((a, b) => a.length - b.length)[0]?.[0];
    if (closest) return problemOf({ ...closest, path: [...issue.path, ...closest.path] });
  }
  const at = issue.path.map(String).join('.');
  return at === '' ? issue.message : `${at}: ${issue.message}`;
}
