import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { planSpans } from '../../bridge-server/propagate/spans.ts';
import { disc, layered, picture, texture } from './layers.ts';
import { between, difference, folders, gradientEnergy, propagate, psnr } from './run.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start(2);
});
afterAll(() => engine.close());

const size = { width: 144, height: 96 };
const LAST = 10;
const pose = (n: number) => ({ x: 1.7 * n, y: 0.6 * n });
const source = texture(1);
const painted = (seed: number) => layered({ ...size, layers: [{ source, painted: texture(seed), pose }] });
const shot = painted(11);

test('keys whose style differs hand over without a pop, and each stays itself beside its own', async () => {
  const other = painted(31);
  const mixed = { ...shot, key: (n: number) => (n === LAST ? other.key(n) : shot.key(n)) };
  const made = await propagate(engine, mixed, between(LAST));
  const frames = [mixed.key(0), ...made.values(), mixed.key(LAST)];
  // How far each step goes beyond what moves: from the one style to the other in even steps.
  const moved = Array.from({ length: LAST }, (_, n) => difference(shot.key(n), shot.key(n + 1)));
  const steps = frames.slice(1).map((frame, n) => difference(frames[n]!, frame) / moved[n]!);
  const middle = steps.toSorted((a, b) => a - b)[LAST >> 1]!;
  expect(Math.max(...steps)).toBeLessThan(1.3 * middle);
  expect(difference(frames[1]!, shot.key(1))).toBeLessThan(0.15 * difference(other.key(1), shot.key(1)));
  expect(difference(frames[9]!, other.key(9))).toBeLessThan(0.15 * difference(other.key(9), shot.key(9)));
  // Two textures that have nothing in common lose contrast in the middle, to no less than their mean has.
  const mean = { ...shot.key(5), data: shot.key(5).data.map((value, i) => (value + other.key(5).data[i]!) / 2) };
  expect(gradientEnergy(frames[5]!)).toBeGreaterThan(0.9 * gradientEnergy(mean));
});

test('keys that cover only part of the picture cover that part of every frame, and nothing else', async () => {
  const cover = disc(24);
  const [r, g, b] = texture(11);
  const part = (n: number): Frame => {
    const { x, y } = pose(n);
    const at = (channel: (u: number, v: number) => number) => (u: number, v: number) => channel(u - x, v - y);
    return picture(size.width, size.height, [...[r, g, b].map(at), at((u, v) => cover(u - 60, v - 40))]);
  };
  for (const [n, frame] of await propagate(engine, { ...shot, key: part }, between(LAST))) {
    const truth = part(n);
    const alphaOff = frame.data.reduce(
      (sum, value, i) => sum + (i % 4 === 3 ? Math.abs(value - truth.data[i]!) : 0),
      0,
    );
    expect(alphaOff / (size.width * size.height * 257)).toBeLessThan(0.5);
    expect(psnr(frame, truth, (p) => truth.data[4 * p + 3]! > 60000)).toBeGreaterThan(41);
  }
});

test('a subject and its background, each from keys of its own, meet at the moving mask', async () => {
  const subject = disc(26);
  const spot = (n: number) => ({ x: 40 + 5 * n, y: 48 });
  const scene = layered({
    ...size,
    layers: [
      { source, painted: texture(11), pose: () => ({ x: 0, y: 0 }) },
      { source: texture(2), painted: texture(12), alpha: subject, pose: spot },
    ],
  });
  const mask = (n: number): Frame => {
    const { x, y } = spot(n);
    const inside = (u: number, v: number): number => subject(u - x, v - y);
    return picture(size.width, size.height, [inside, inside, inside]);
  };
  const only = (of: 'in' | 'out') => (n: number) => {
    const { channels, data } = scene.key(n);
    const inside = mask(n).data;
    const share = (p: number): number => (of === 'in' ? inside[3 * p]! : 65535 - inside[3 * p]!);
    const out = new Uint16Array((data.length / channels) * 4);
    for (let p = 0; p < out.length / 4; p++) {
      out.set(data.subarray(3 * p, 3 * p + 3), 4 * p);
      out[4 * p + 3] = share(p);
    }
    return { ...size, channels: 4 as const, data: out };
  };
  const front = await propagate(engine, { ...scene, mask, key: only('in') }, between(LAST));
  const back = await propagate(engine, { ...scene, mask, key: only('out') }, between(5));
  for (let n = 1; n < 5; n++) {
    const [over, under] = [front.get(n)!.data, back.get(n)!.data];
    const whole = Uint16Array.from({ length: size.width * size.height * 3 }, (_, i) => {
      const p = Math.floor(i / 3);
      const alpha = over[4 * p + 3]! / 65535;
      return over[4 * p + (i % 3)]! * alpha + under[4 * p + (i % 3)]! * (1 - alpha);
    });
    expect(psnr({ ...size, channels: 3, data: whole }, scene.key(n))).toBeGreaterThan(30);
  }
});

test('a cut inside the range: each side comes from its own keys alone', async () => {
  const second = layered({ ...size, layers: [{ source: texture(3), painted: texture(13), pose }] });
  const side = (n: number) => (n < 5 ? shot : second);
  const both = { ...size, frame: (n: number) => side(n).frame(n), key: (n: number) => side(n).key(n) };
  const spans = planSpans({ from: 0, to: LAST + 1 }, [0, LAST], [5]);
  expect(spans.map(({ before, after }) => [before, after])).toEqual([
    [0, null],
    [null, LAST],
  ]);
  for (const span of spans) {
    for (const [n, frame] of await propagate(engine, both, span)) {
      const inside = (p: number): boolean => p % 144 > 14 && p % 144 < 130 && p / 144 > 10 && p / 144 < 86;
      expect(psnr(frame, side(n).key(n), inside)).toBeGreaterThan(33);
    }
  }
});

test('hundreds of keys, a frame apart', async () => {
  const small = layered({
    width: 32,
    height: 24,
    layers: [{ source, painted: texture(11), pose: (n) => ({ x: 0.3 * n, y: 0.1 * n }) }],
  });
  const keys = Array.from({ length: 150 }, (_, i) => 2 * i);
  const into = await folders();
  const worst: number[] = [];
  for (const span of planSpans({ from: 0, to: 299 }, keys, [])) {
    for (const [n, frame] of await propagate(engine, small, span, into)) worst.push(psnr(frame, small.key(n)));
  }
  expect(worst).toHaveLength(149);
  expect(Math.min(...worst)).toBeGreaterThan(34);
});
