import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import { openClip } from '../../bridge-server/media/clip.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { writePng } from '../../bridge-server/media/image.ts';
import type { TrainRequest, TrainSubject } from '../../bridge-server/protocol/train-request.ts';
import { exampleList, readExampleList } from '../../bridge-server/train/example-list.ts';
import { cropped } from '../../bridge-server/train/examples.ts';
import { framesOf } from '../../bridge-server/train/shot.ts';
import { boxOfWhite } from '../../bridge-server/train/subject.ts';
import { sceneFolder } from '../cli/footage.ts';
import { someClip } from '../jobs/train-request.ts';
import { scratch } from '../weights/file.ts';

const { folder } = await scratch();
const { signal } = new AbortController();
const [WIDTH, HEIGHT] = [160, 90];
const AREA = 128 * 128;

/** Two clips of five frames, the second one of one that never changes, and masks of the first: white at a box, but black in frame 3. */
const SHOT = join(folder, 'shot');
const STILL = join(folder, 'still');
const MASKS = join(folder, 'masks');
const BOX = { x: 40, y: 10, width: 30, height: 60 };

/** Where in the shot something moves that can be followed. */
const ARMS = { x: 40, y: 10, width: 96, height: 72 };

const painted = (paint: (x: number, y: number) => number): Frame => ({
  ...{ width: WIDTH, height: HEIGHT, channels: 3 },
  data: Uint16Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return paint(pixel % WIDTH, Math.floor(pixel / WIDTH));
  }),
});
const inBox = (x: number, y: number): boolean =>
  x >= BOX.x && x < BOX.x + BOX.width && y >= BOX.y && y < BOX.y + BOX.height;

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start(1);
  await sceneFolder(SHOT, 5);
  await Promise.all([STILL, MASKS].map((path) => mkdir(path)));
  for (let n = 0; n < 5; n++) {
    await writePng(
      join(STILL, `${n}.png`),
      painted((x, y) => ((x >> 2) ^ (y >> 2)) * 1500),
    );
    await writePng(
      join(MASKS, `${n}.png`),
      painted((x, y) => (n !== 3 && inBox(x, y) ? 65535 : 0)),
    );
  }
});
afterAll(() => engine.close());

async function found(
  subjects: readonly [path: string, subject: TrainSubject][],
  examples: TrainRequest['examples'],
): ReturnType<typeof framesOf> {
  const clips = subjects.map(([path, subject]) => ({ source: someClip(path), subject }));
  const open = await Promise.all(clips.map(({ source }) => openClip(source, signal)));
  const request = { clips, examples, caption: 'a photo of {trigger}', trigger: 'blorp' };
  return framesOf(engine, open, request, AREA, () => undefined, signal);
}

const WHOLE: TrainSubject = { kind: 'whole' };
const MASKED: TrainSubject = {
  kind: 'mask',
  mask: { kind: 'images', folder: MASKS, channel: 'grey', grow: 0, feather: 0 },
};

describe('the frames of several clips', () => {
  it('are shared out by how much they differ: one of a clip that never changes is enough', async () => {
    const { pictures } = await found(
      [
        [STILL, WHOLE],
        [SHOT, WHOLE],
      ],
      { kind: 'auto', count: 4 },
    );
    expect(pictures.map(({ clip }) => clip)).toEqual([0, 1, 1, 1]);
    expect(pictures.every(({ caption }) => caption === 'a photo of blorp')).toBe(true);
  });

  it('are those that are asked for, with captions of their own', async () => {
    const { pictures, size } = await found(
      [
        [SHOT, { kind: 'boxes', boxes: [{ frame: 1, ...ARMS }] }],
        [STILL, WHOLE],
      ],
      {
        kind: 'chosen',
        frames: [
          { clip: 0, frame: 1, caption: '{trigger} waving' },
          { clip: 0, frame: 3, caption: null },
          { clip: 1, frame: 4, caption: 'nothing' },
        ],
      },
    );
    expect(pictures.map(({ clip, frame, caption }) => [clip, frame, caption])).toEqual([
      [0, 1, 'blorp waving'],
      [0, 3, 'a photo of blorp'],
      [1, 4, 'nothing'],
    ]);
    expect(pictures[0]!.box).toEqual(ARMS);
    expect(pictures[2]!.box).toEqual({ x: 0, y: 0, width: WIDTH, height: HEIGHT });
    for (const { picture } of pictures) expect(picture).toMatchObject(size);
  });

  it('are refused where the clip has none', async () => {
    const examples = { kind: 'chosen', frames: [{ clip: 0, frame: 5, caption: null }] } as const;
    await expect(found([[SHOT, WHOLE]], examples as never)).rejects.toMatchObject({ code: 'example-frame' });
  });
});

describe('a subject that is shown by masks', () => {
  it('is cut out by the box of what is white; frames without any are passed over', async () => {
    const auto = await found([[SHOT, MASKED]], { kind: 'auto', count: 5 });
    expect(auto.pictures.map(({ frame }) => frame)).not.toContain(3);
    for (const { box } of auto.pictures) expect(box).toEqual(BOX);
    // As tall as the subject is, and of its shape.
    expect(auto.size.height).toBeGreaterThan(auto.size.width);

    const frames = [2, 3].map((frame) => ({ clip: 0, frame, caption: null }));
    const { pictures, notes } = await found([[SHOT, MASKED]], { kind: 'chosen', frames });
    expect(pictures.map(({ frame }) => frame)).toEqual([2]);
    expect(notes.join(' ')).toContain('Frame 3 of clip 1 is left out');
    await expect(
      found([[SHOT, MASKED]], { kind: 'chosen', frames: [{ clip: 0, frame: 3, caption: null }] }),
    ).rejects.toMatchObject({ code: 'train-subject' });
  });

  it('is not to be seen in a mask that is black or has a speck', () => {
    expect(boxOfWhite(painted((x, y) => (inBox(x, y) ? 40000 : 20000)))).toEqual(BOX);
    expect(boxOfWhite(painted(() => 0))).toBeNull();
    expect(boxOfWhite(painted((x, y) => (x < 9 && y < 9 ? 65535 : 0)))).toBeNull();
  });
});

it('a subject of another shape is cut out whole, with what is around it', () => {
  const side = fc.integer({ min: 16, max: 90 });
  fc.assert(
    fc.property(side, side, fc.nat(70), fc.nat(70), (width, height, left, top) => {
      const box = { x: Math.min(left, WIDTH - width), y: Math.min(top, HEIGHT - height), width, height };
      // No wider than the frame is high, so that there is room for a square around it.
      const inside = (x: number, y: number): boolean =>
        x >= box.x && x < box.x + width && y >= box.y && y < box.y + height;
      const { data } = cropped(
        painted((x, y) => (inside(x, y) ? 65535 : 0)),
        box,
        { width: 64, height: 64 },
      );
      const white = data.subarray(0, 64 * 64).reduce((sum, value) => sum + (value + 1) / 2, 0) / 64 ** 2;
      const part = (width * height) / Math.max(width, height) ** 2;
      expect(Math.abs(white - part)).toBeLessThan(0.08);
    }),
    { numRuns: 30 },
  );
});

describe('a list of examples', () => {
  it('comes back as it was written, in whatever order its lines are', async () => {
    const path = join(folder, 'examples.txt');
    const frames = [
      { clip: 0, frame: 7, caption: 'a photo of blorp' },
      { clip: 1, frame: 2, caption: 'blorp, 3 hats # and more' },
    ];
    const [first, second, ...lines] = exampleList(frames).split('\n');
    await writeFile(path, [first, second, ...lines.reverse(), '2 3'].join('\r\n'));
    expect(await readExampleList(path)).toEqual({
      kind: 'chosen',
      frames: [...frames, { clip: 1, frame: 3, caption: null }],
    });
  });

  it.each(['nothing', '0 3 a', '1 3 a\n1 3 b', '# none', ''])('is refused where it says %j', async (text) => {
    const path = join(folder, 'bad.txt');
    await writeFile(path, text);
    await expect(readExampleList(path)).rejects.toMatchObject({ code: 'examples-unreadable' });
  });
});
