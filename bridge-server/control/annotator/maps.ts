import { createHash } from 'node:crypto';
import { map, type Planes, withData } from '../../diffusion/picture/planes.ts';
import type { Size } from '../../diffusion/picture/size.ts';
import type { Runtime } from '../../diffusion/runtime/runtime.ts';
import { Failure } from '../../errors.ts';
import type { ControlMap } from '../../protocol/control-map.ts';
import { sha256File } from '../../models/sha256.ts';
import { computedMaps } from '../computed.ts';
import type { ControlMaps } from '../maps.ts';
import { resized } from '../picture.ts';
import { type Nearby, steadyValues } from '../steady.ts';
import type { Surroundings } from '../surroundings.ts';
import { ADE20K } from './ade20k.ts';
import { depthMap } from './depth.ts';
import { type Description, readDescription } from './description.ts';
import { highestScores, labelColours, type Labels, labelsAt, steadyLabels } from './labels.ts';
import { type AnnotatorNetwork, openAnnotatorNetwork } from './network.ts';
import { normalMap, unitLength } from './normals.ts';
import { drawPose, JOINT_COUNTS, type Pose, poseOf, steadyPose } from './pose.ts';

type AnnotatorMap = Extract<ControlMap, { kind: 'annotator' }>;

/**
 * Maps made by a network of the user's, described in the .json beside it. Both are read and the network is tried here, before any work.
 * Failures: annotator-undescribed, annotator-description, annotator-unusable, annotator-output; media-missing, graph-refused.
 */
export async function openAnnotatorMaps(
  { file, steady }: AnnotatorMap,
  {
    clip,
    surroundings,
    runtime,
  }: { readonly clip: Size; readonly surroundings: Surroundings; readonly runtime: Runtime },
  signal: AbortSignal,
): Promise<ControlMaps> {
  const description = await readDescription(file);
  const expected = expectationOf(file, description);
  const network = await openAnnotatorNetwork(file, description, expected, runtime, clip, signal);
  const text = JSON.stringify({ steady, description, network: await sha256File(file, signal) });
  const means = { network, surroundings, steady, identity: createHash('sha256').update(text).digest('hex') };
  switch (description.kind) {
    case 'depth': {
      const { values, percentiles } = description.output;
      return pictures((answer) => depthMap(answer, values, percentiles), steadyValues, means);
    }
    case 'normal': {
      const { range, axes } = description.output;
      const draw = (own: Planes, nearby: readonly Nearby<Planes>[]): Planes => unitLength(steadyValues(own, nearby));
      return pictures((answer) => normalMap(answer, range, axes), draw, means);
    }
    case 'softedge':
    case 'lineart':
    case 'scribble':
      return pictures((answer) => lines(answer, description.output), steadyValues, means);
    case 'segmentation': {
      const { values } = description.output;
      const palette = paletteOf(description.output);
      const look = async (picture: Planes, abort: AbortSignal): Promise<Labels> => {
        const answer = await network(picture, abort);
        return labelsAt(values === 'scores' ? highestScores(answer) : map(answer, Math.round), picture);
      };
      const draw = (own: Labels, nearby: readonly Nearby<Labels>[]): Planes =>
        labelColours(steadyLabels(own, nearby), palette);
      return computedMaps({ ...means, look, draw }, surroundings);
    }
    case 'pose': {
      const { skeleton, threshold } = description.output;
      const look = async (picture: Planes, abort: AbortSignal): Promise<Seen> => ({
        pose: poseOf(await network(picture, abort), skeleton, threshold),
        size: picture,
      });
      const draw = ({ pose, size }: Seen, nearby: readonly Nearby<Seen>[]): Planes => {
        const around = nearby.map(({ distance, values }) => ({ distance, pose: values.pose }));
        return drawPose(nearby.length === 0 ? pose : steadyPose([{ distance: 0, pose }, ...around]), size);
      };
      return computedMaps({ ...means, look, draw }, surroundings);
    }
  }
}

type Seen = { readonly pose: Pose; readonly size: Size };

/** Maps that are a picture as soon as the network's answer has been read; at the size of the map from then on. */
function pictures(
  read: (answer: Planes) => Planes,
  draw: (own: Planes, nearby: readonly Nearby<Planes>[]) => Planes,
  {
    network,
    surroundings,
    ...rest
  }: {
    readonly network: AnnotatorNetwork;
    readonly surroundings: Surroundings;
    readonly steady: boolean;
    readonly identity: string;
  },
): ControlMaps {
  const look = async (picture: Planes, signal: AbortSignal): Promise<Planes> =>
    resized(read(await network(picture, signal)), picture);
  return computedMaps({ ...rest, look, draw }, surroundings);
}

function lines(
  answer: Planes,
  { range, sigmoid, invert }: Extract<Description, { kind: 'softedge' }>['output'],
): Planes {
  const [black, white] = range;
  return withData(
    answer,
    answer.data.map((raw) => {
      const value = sigmoid ? 1 / (1 + Math.exp(-raw)) : (raw - black) / (white - black);
      const shown = invert ? 1 - value : value;
      return shown > 0 ? Math.min(shown, 1) : 0;
    }),
  );
}

const paletteOf = ({
  palette,
}: Extract<Description, { kind: 'segmentation' }>['output']): readonly (readonly [number, number, number])[] =>
  palette === 'ade20k' ? ADE20K : palette;

/** How many channels the answer must have, and that in words. */
function expectationOf(
  path: string,
  description: Description,
): { readonly channels: (count: number) => boolean; readonly what: string } {
  const exactly = (count: number, what: string) => ({ channels: (given: number) => given === count, what });
  switch (description.kind) {
    case 'depth':
      return exactly(1, 'one channel of depth');
    case 'normal':
      return exactly(3, 'three channels, one for each axis');
    case 'softedge':
    case 'lineart':
    case 'scribble':
      return { channels: (given) => given === 1 || given === 3, what: 'a picture of one channel or three' };
    case 'pose': {
      const joints = JOINT_COUNTS[description.output.skeleton];
      return exactly(joints, `${joints} channels, a heatmap for each joint`);
    }
    case 'segmentation': {
      const { length } = paletteOf(description.output);
      if (description.output.values === 'labels') return exactly(1, 'one channel of label numbers');
      if (length > 1)
        return {
          channels: (given) => given > 1 && given <= length,
          what: `2 to ${length} channels, one for each colour of the palette`,
        };
      throw new Failure('annotator-description', { path, problem: 'output.palette: scores need two colours at least' });
    }
  }
}
