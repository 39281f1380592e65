import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { type Box, type Step, stepped, trackBox, type TrackMemory } from '../../bridge-server/shot/track.ts';
import { texture } from './texture.ts';

const width = 240;
const height = 140;
const [background, face, hand] = [texture(3), texture(8), texture(21)];
const never = new AbortController().signal;

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start(2);
});
afterAll(() => engine.close());

/** Where the face is, about its middle. */
type Place = { readonly cx: number; readonly cy: number; readonly scale: number };
const SIDE = 48;

/** A round face with a texture of its own before a background that drifts the other way; null: it is not there. */
function picture(frame: number, place: Place | null, cover: Box | null = null): Frame {
  const data = new Uint16Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const u = place ? (x + 0.5 - place.cx) / place.scale : Infinity;
      const v = place ? (y + 0.5 - place.cy) / place.scale : Infinity;
      let value = Math.hypot(u, v) < SIDE * 0.6 ? face(u, v) : background(x + 0.7 * frame, y);
      if (cover && x >= cover.x && x < cover.x + cover.width && y >= cover.y && y < cover.y + cover.height) {
        value = hand(x - cover.x, y);
      }
      data.fill(Math.round(Math.min(Math.max(value, 0), 255)) * 257, 3 * (y * width + x), 3 * (y * width + x) + 3);
    }
  }
  return { width, height, channels: 3, data };
}

const boxAt = ({ cx, cy, scale }: Place): Box => ({
  x: cx - (SIDE * scale) / 2,
  y: cy - (SIDE * scale) / 2,
  width: SIDE * scale,
  height: SIDE * scale,
});

const nothing = { known: () => Promise.resolve(null), keep: () => Promise.resolve() };

async function track(
  get: (frame: number) => Frame,
  to: number,
  start: number,
  place: Place,
  memory: TrackMemory = nothing,
) {
  const footage = { width, height, get: (frame: number) => Promise.resolve(get(frame)) };
  return trackBox(engine, footage, { from: 0, to }, { frame: start, box: boxAt(place) }, memory, never);
}

describe('a tracked box', () => {
  const path = (n: number): Place => ({ cx: 80 + 3.3 * n, cy: 60 + 8 * Math.sin(n / 3), scale: 1 + 0.012 * n });

  test('stays on what it was put on, both ways, through motion and zoom', async () => {
    const { boxes, lost } = await track((n) => picture(n, path(n)), 17, 8, path(8));
    expect(lost).toEqual({ before: null, after: null });
    expect([...boxes.keys()]).toEqual(Array.from({ length: 17 }, (_, n) => n));
    for (const [n, box] of boxes) {
      const truth = boxAt(path(n));
      expect(Math.abs(box.x + box.width / 2 - truth.x - truth.width / 2), `frame ${n}`).toBeLessThan(1.5);
      expect(Math.abs(box.y + box.height / 2 - truth.y - truth.height / 2), `frame ${n}`).toBeLessThan(1.5);
      expect(box.width / truth.width).toBeGreaterThan(0.96);
      expect(box.width / truth.width).toBeLessThan(1.04);
    }
    expect(engine.bytesInUse).toBe(0);
  });

  test('is given up at a cut, behind a hand, and at the edge of the picture', async () => {
    const still = path(4);
    const cut = await track((n) => (n < 6 ? picture(n, still) : picture(n + 500, null)), 10, 4, still);
    expect(cut.lost).toEqual({ before: null, after: 6 });
    expect([...cut.boxes.keys()]).toEqual([0, 1, 2, 3, 4, 5]);

    const cover = (n: number): Box => ({ x: 240 - 20 * n, y: 0, width: 150, height });
    const hidden = await track((n) => picture(n, still, cover(n)), 12, 0, still);
    expect(hidden.lost.after).toBeGreaterThan(4);
    expect(hidden.lost.after).toBeLessThan(12);
    // Until then it did not go along with the hand.
    for (const box of hidden.boxes.values()) expect(Math.abs(box.x - boxAt(still).x)).toBeLessThan(4);

    const leaving = (n: number): Place => ({ cx: 190 + 7 * n, cy: 70, scale: 1 });
    const gone = await track((n) => picture(n, leaving(n)), 14, 0, leaving(0));
    expect(gone.lost.after).toBeGreaterThan(3);
    expect(gone.lost.after).toBeLessThan(12);
  });

  test('goes on from what is known, to the same boxes', async () => {
    const steps = new Map<number, Step>();
    let made = 0;
    const memory = {
      known: (frame: number) => Promise.resolve(steps.get(frame) ?? null),
      keep: (frame: number, step: Step) => {
        made++;
        steps.set(frame, step);
        return Promise.resolve();
      },
    };
    const all = await track((n) => picture(n, path(n)), 6, 2, path(2), memory);
    expect(made).toBe(5);
    steps.delete(4);
    expect(await track((n) => picture(n, path(n)), 6, 2, path(2), memory)).toEqual(all);
    expect(made).toBe(6);
    expect(engine.bytesInUse).toBe(0);
  });
});

test('points that are a few of them wrong do not matter', () => {
  const box: Box = { x: 10, y: 20, width: 60, height: 40 };
  const real = (min: number, max: number) => fc.double({ min, max, noNaN: true });
  fc.assert(
    fc.property(
      real(-30, 30),
      real(-30, 30),
      real(0.9, 1.1),
      fc.integer({ min: 0, max: 90 }),
      (mx, my, zoom, wrong) => {
        const points = Array.from({ length: 400 }, (_, i) => {
          const [x, y] = [12 + (i % 20) * 2.8, 22 + Math.floor(i / 20) * 1.8];
          if ((i * 7) % 400 < wrong) return { x, y, dx: 500, dy: -80 };
          return { x, y, dx: mx + (zoom - 1) * (x - 40), dy: my + (zoom - 1) * (y - 40) };
        });
        const next = stepped(box, points);
        expect(next.width).toBeCloseTo(60 * zoom, 6);
        expect(next.x + next.width / 2).toBeCloseTo(40 + mx, 6);
        expect(next.y + next.height / 2).toBeCloseTo(40 + my, 6);
      },
    ),
  );
});
