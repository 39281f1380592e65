import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openControlMaps } from '../../bridge-server/control/maps.ts';
import { findAnnotator } from '../../bridge-server/control/annotator/find.ts';
import type { Planes } from '../../bridge-server/diffusion/picture/planes.ts';
import type { Failure } from '../../bridge-server/errors.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import * as f from '../../bridge-server/onnx/functions.ts';
import { Graph, type Value } from '../../bridge-server/onnx/graph.ts';
import { finish } from '../../bridge-server/onnx/model.ts';
import type { Dtype } from '../../bridge-server/weights/dtype.ts';
import { openSafetensors } from '../../bridge-server/weights/safetensors.ts';
import { newFolder } from '../jobs/folder.ts';
import { safetensorsBytes } from '../weights/file.ts';
import { frameWith, meansFor } from './means.ts';

const { signal } = new AbortController();
const WIDTH = 48;
const HEIGHT = 32;
const input = { size: { width: WIDTH, height: HEIGHT } };

/** A network that mixes the three colours of each pixel into as many channels as there are rows of weights. */
function mixing(
  weights: readonly (readonly number[])[],
  { dtype = 'float32', layout = 'nchw' }: { dtype?: Dtype; layout?: 'nchw' | 'nhwc' } = {},
): Uint8Array {
  const graph = new Graph();
  const x = graph.input(
    'picture',
    'float32',
    layout === 'nchw' ? [1, 3, 'height', 'width'] : [1, 'height', 'width', 3],
  );
  const matrix = graph.floats(weights.flat(), layout === 'nchw' ? [weights.length, 3, 1, 1] : [3, weights.length]);
  const mixed = layout === 'nchw' ? f.conv(x, matrix, null) : f.matmul(x, matrix);
  graph.output('map', dtype === 'float32' ? mixed : f.cast(mixed, dtype));
  return finish(graph, 'folded').bytes;
}

async function annotator(network: Uint8Array, description: unknown): Promise<string> {
  const file = join(await newFolder(), 'my net.onnx');
  await writeFile(file, network);
  if (description !== undefined) await writeFile(file.replace('.onnx', '.json'), JSON.stringify(description));
  return file;
}

/** The map of the first of these frames at their own size. */
async function drawn(file: string, ...frames: Frame[]): Promise<Planes> {
  const maps = await openControlMaps({ kind: 'annotator', file, steady: frames.length > 1 }, meansFor(frames), signal);
  return maps.mapAt(0, frames[0]!, signal);
}

const refusal = async (file: string): Promise<Failure> => {
  const means = meansFor([frameWith(WIDTH, HEIGHT, () => [0, 0, 0])]);
  const opening = openControlMaps({ kind: 'annotator', file, steady: true }, means, signal);
  return opening.then(
    () => expect.fail('it was not refused'),
    (error: unknown) => error as Failure,
  );
};

const RED = [[1, 0, 0]];
const ramp = frameWith(WIDTH, HEIGHT, (x, y) => [x * 5, y * 7, 40]);
const pixel = ({ width, height, data }: Planes, x: number, y: number): number[] =>
  [0, 1, 2].map((c) => data[c * width * height + y * width + x]!);

describe('an annotator draws', () => {
  it('depth from inverse depth: near is white', async () => {
    const description = { kind: 'depth', input, output: { values: 'inverse', percentiles: [0, 100] } };
    const map = await drawn(await annotator(mixing(RED), description), ramp);
    for (const x of [0, 11, 30, 47]) {
      const grey = pixel(map, x, 9);
      expect(grey[0]).toBeCloseTo(x / 47, 4);
      expect(grey).toEqual([grey[0], grey[0], grey[0]]);
    }
  });

  it('depth from a distance: far is black, in proportion to its inverse', async () => {
    const description = { kind: 'depth', input, output: { values: 'metric', percentiles: [0, 100] } };
    const graph = new Graph();
    const x = graph.input('picture', 'float32', [1, 3, HEIGHT, WIDTH]);
    // Distances from 1 to 1 + 235/255, without the channel.
    const red = f.conv(x, graph.floats([1, 0, 0], [1, 3, 1, 1]), null);
    graph.output('distance', f.reshape(f.add(red, 1), [1, HEIGHT, WIDTH]));
    const map = await drawn(await annotator(finish(graph, 'folded').bytes, description), ramp);
    const [nearest, farthest] = [1, 1 / (1 + 235 / 255)];
    for (const x of [0, 20, 47]) {
      const inverse = 1 / (1 + (x * 5) / 255);
      expect(pixel(map, x, 3)[0]).toBeCloseTo((inverse - farthest) / (nearest - farthest), 4);
    }
  });

  it('depth that a few wild values do not decide', async () => {
    const wild = frameWith(WIDTH, HEIGHT, (x, y) => [x === 5 && y === 5 ? 255 : x, 0, 0]);
    const description = { kind: 'depth', input, output: { values: 'inverse', percentiles: [1, 99] } };
    const map = await drawn(await annotator(mixing(RED), description), wild);
    expect(pixel(map, 5, 5)[0]).toBe(1);
    expect(pixel(map, 40, 20)[0]).toBeGreaterThan(0.8);
  });

  it('what it is told in the order, range and scale of its description', async () => {
    const given = { ...input, layout: 'nhwc', channels: 'bgr', range: [0, 255], mean: [10, 20, 30], std: [2, 4, 5] };
    const output = { layout: 'nhwc', range: [0, 51] };
    const third = [
      [0, 0, 0],
      [0, 0, 0],
      [1, 1, 1],
    ];
    // Its third channel is red then: (255 r - 30) / 5.
    const file = await annotator(mixing(third, { layout: 'nhwc' }), { kind: 'softedge', input: given, output });
    const map = await drawn(file, ramp);
    for (const x of [10, 40]) expect(pixel(map, x, 4)[1]).toBeCloseTo((x * 5 - 30) / 5 / 51, 4);
  });

  it('lines, through a sigmoid and the other way round', async () => {
    const output = { sigmoid: true, invert: true };
    const map = await drawn(await annotator(mixing([[4, 0, 0]]), { kind: 'lineart', input, output }), ramp);
    expect(pixel(map, 24, 4)[2]).toBeCloseTo(1 - 1 / (1 + Math.exp(-4 * (120 / 255))), 4);
  });

  it('normals of length one, with its axes as the description turns them', async () => {
    const output = { range: [0, 1], axes: [1, -1, 1] };
    const eye = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    const tilted = frameWith(WIDTH, HEIGHT, () => [255 * 0.8, 255 * 0.5, 255 * 0.9]);
    const map = await drawn(await annotator(mixing(eye), { kind: 'normal', input, output }), tilted);
    const [x, y, z] = pixel(map, 20, 20).map((value) => 2 * value - 1);
    expect(Math.hypot(x!, y!, z!)).toBeCloseTo(1, 4);
    expect([x! / z!, y! / z!]).toEqual([expect.closeTo(0.6 / 0.8, 2), expect.closeTo(0, 2)]);
  });

  it('labels in the colours of its palette, by the highest score', async () => {
    const palette = [
      [255, 0, 0],
      [0, 51, 0],
      [0, 0, 102],
    ];
    const scores = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    const halves = frameWith(WIDTH, HEIGHT, (x) => (x < 24 ? [10, 200, 20] : [10, 20, 200]));
    const output = { values: 'scores', palette };
    const map = await drawn(await annotator(mixing(scores), { kind: 'segmentation', input, output }), halves);
    expect(pixel(map, 3, 3)).toEqual([0, expect.closeTo(0.2), 0]);
    expect(pixel(map, 44, 3)).toEqual([0, 0, expect.closeTo(0.4)]);
  });

  it('labels that it numbers itself, in the colours of ADE20K', async () => {
    const output = { values: 'labels', palette: 'ade20k' };
    const network = mixing([[255, 0, 0]], { dtype: 'int64' });
    // 2.5 and 6.5 are cut to 2, the sky, and 6, the road.
    const halves = frameWith(WIDTH, HEIGHT, (x) => [x < 24 ? 2 : 6, 0, 0]);
    const map = await drawn(await annotator(network, { kind: 'segmentation', input, output }), halves);
    expect(pixel(map, 3, 3).map((value) => Math.round(value * 255))).toEqual([6, 230, 230]);
    expect(pixel(map, 44, 3).map((value) => Math.round(value * 255))).toEqual([140, 140, 140]);
  });

  it('a pose from one heatmap a joint, in the colours of OpenPose', async () => {
    // Joints as dots of colours on a sphere: each is most like its own row of weights.
    const joints = Array.from({ length: 17 }, (_, joint) => {
      const [up, round] = [((joint % 5) + 0.5) * 0.3, (Math.floor(joint / 5) + 0.5) * 0.35];
      return [Math.cos(up) * Math.cos(round), Math.cos(up) * Math.sin(round), Math.sin(up)];
    });
    const places = joints.map((_, joint) => [6 + 8 * (joint % 5), 5 + 7 * Math.floor(joint / 5)] as const);
    const dots = frameWith(WIDTH, HEIGHT, (x, y) => {
      const joint = places.findIndex(([px, py]) => Math.abs(x - px) <= 1 && Math.abs(y - py) <= 1);
      return joint < 0 ? [0, 0, 0] : joints[joint]!.map((value) => value * 255);
    });
    const output = { skeleton: 'coco17', threshold: 0.9 };
    const map = await drawn(await annotator(mixing(joints), { kind: 'pose', input, output }), dots);
    const at = ([x, y]: readonly [number, number]): number[] =>
      pixel(map, x, y).map((value) => Math.round(255 * value));
    expect(at(places[0]!)).toEqual([255, 0, 0]); // the nose
    expect(at(places[10]!)).toEqual([170, 255, 0]); // the right wrist
    expect(at(places[16]!)).toEqual([0, 170, 255]); // the right ankle
    expect(pixel(map, 0, HEIGHT - 1)).toEqual([0, 0, 0]);
  });

  it('at the size of the map, whatever it was shown', async () => {
    const shown = { size: { shorter: 16, multipleOf: 16 } };
    const description = { kind: 'depth', input: shown, output: { values: 'inverse' } };
    const file = await annotator(mixing(RED), description);
    const maps = await openControlMaps({ kind: 'annotator', file, steady: false }, meansFor([ramp]), signal);
    const map = await maps.mapAt(0, { width: 96, height: 64 }, signal);
    expect([map.channels, map.width, map.height]).toEqual([3, 96, 64]);
    expect(pixel(map, 90, 30)[0]).toBeGreaterThan(0.9);
    expect(map.data.every((value) => value >= 0 && value <= 1)).toBe(true);
  });
});

const DEPTH = { kind: 'depth', input, output: { values: 'inverse' } };

describe('an annotator is refused before any work', () => {
  it('without a description', async () => {
    const { code, message, remedy } = await refusal(await annotator(mixing(RED), undefined));
    expect(code).toBe('annotator-undescribed');
    expect(message).toMatch(/my net\.json\.$/);
    expect(remedy).toContain('docs/annotators.md');
  });

  it.each([
    ['no JSON', 'not JSON', '{'],
    ['an unknown field', 'input: Unrecognized key: "scale"', { ...DEPTH, input: { ...input, scale: 2 } }],
    ['no meaning', 'output.values', { ...DEPTH, output: {} }],
    ['an unknown kind', 'kind: Invalid', { ...DEPTH, kind: 'heat' }],
    ['no size', 'input.size', { ...DEPTH, input: {} }],
    ['a deviation of 0', 'input.std', { ...DEPTH, input: { ...input, std: [1, 0, 1] } }],
    ['percentiles that cross', 'output.percentiles', { ...DEPTH, output: { values: 'inverse', percentiles: [9, 1] } }],
  ])('by a description with %s', async (_, problem, description) => {
    const file = await annotator(mixing(RED), description);
    if (typeof description === 'string') await writeFile(file.replace('.onnx', '.json'), description);
    const { code, message } = await refusal(file);
    expect(code).toBe('annotator-description');
    expect(message).toContain(problem);
  });

  it.each([
    ['channels than its kind', mixing([...RED, ...RED]), DEPTH, 'annotator-output', '1x2x32x48'],
    [
      'joints than its skeleton',
      mixing(RED),
      { ...DEPTH, kind: 'pose', output: { skeleton: 'coco17' } },
      'annotator-output',
      '17',
    ],
    ['layout', mixing(RED, { layout: 'nhwc' }), DEPTH, 'annotator-unusable', '1xheightxwidthx3'],
    ['type of output', mixing(RED, { dtype: 'float64' }), DEPTH, 'annotator-unusable', 'neither'],
    [
      'name of output',
      mixing(RED),
      { ...DEPTH, output: { values: 'inverse', name: 'depth' } },
      'annotator-unusable',
      'no output depth',
    ],
  ])('with other %s', async (_, network, description, code, words) => {
    const refused = await refusal(await annotator(network, description));
    expect(refused.code).toBe(code);
    expect(refused.message).toContain(words);
  });

  it('with a fixed size that is not the described one', async () => {
    const graph = new Graph();
    graph.output('map', f.relu(graph.input('picture', 'float32', [1, 3, 64, 64])));
    const { code, message } = await refusal(await annotator(finish(graph, 'folded').bytes, DEPTH));
    expect(code).toBe('annotator-unusable');
    expect(message).toContain('its input is 1x3x64x64, its description says 1x3x32x48');
  });

  it('with weights in other files, wherever they are', async () => {
    const folder = await newFolder();
    const weights = join(folder, 'weights.safetensors');
    const tensor = { dtype: 'float32', shape: [1, 3, 1, 1], data: new Uint8Array(12) } as const;
    await writeFile(weights, safetensorsBytes({ matrix: tensor }));
    const { path, tensors } = await openSafetensors(weights);
    const graph = new Graph();
    const x: Value = graph.input('picture', 'float32', [1, 3, 'height', 'width']);
    const matrix = graph.weight('matrix', { path, ...tensors.get('matrix')!, transposed: false });
    graph.output('map', f.conv(x, matrix, null));
    const { code, message } = await refusal(await annotator(finish(graph, 'folded').bytes, DEPTH));
    expect(code).toBe('annotator-unusable');
    expect(message).toContain('its weights are in other files');
  });

  it('when it is damaged at any place, or something else', async () => {
    const sound = mixing(RED);
    for (let length = 0; length < sound.length; length += 7) {
      const { code } = await refusal(await annotator(sound.slice(0, length), DEPTH));
      expect(['annotator-unusable', 'graph-refused'], `${length}`).toContain(code);
    }
    const { code } = await refusal(await annotator(new TextEncoder().encode('<html>not found</html>'), DEPTH));
    expect(code).toBe('annotator-unusable');
  });

  it('when two pictures go in', async () => {
    const graph = new Graph();
    const [a, b] = ['a', 'b'].map((name) => graph.input(name, 'float32', [1, 3, 'height', 'width']));
    graph.output('map', f.add(a!, b!));
    const { message } = await refusal(await annotator(finish(graph, 'folded').bytes, DEPTH));
    expect(message).toContain('it has 2 inputs');
  });
});

describe('the model store', () => {
  it('has the annotator of a kind where only one is described as such', async () => {
    const file = await annotator(mixing(RED), DEPTH);
    const other = await annotator(mixing(RED), { kind: 'softedge', input, output: {} });
    const [folder, otherFolder] = [join(file, '..'), join(other, '..')];
    expect(await findAnnotator('depth', [folder, otherFolder, '/nowhere'])).toBe(file);
    await expect(findAnnotator('pose', [folder, otherFolder])).rejects.toMatchObject({ code: 'annotator-missing' });
    const again = await annotator(mixing(RED), DEPTH);
    await expect(findAnnotator('depth', [folder, join(again, '..')])).rejects.toMatchObject({
      code: 'annotator-ambiguous',
    });
  });
});
