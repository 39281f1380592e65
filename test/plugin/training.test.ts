import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TrainingView } from '../../bridge-server/protocol/job.ts';
import { trainRequestSchema, type TrainSubject } from '../../bridge-server/protocol/train-request.ts';
import { boxBetween, fittedBox, middleBox, undrawn, withBox, withDrawn, withoutBox } from '../../plugin/box.ts';
import type { Shot } from '../../plugin/host/host.ts';
import { USUAL } from '../../plugin/request.ts';
import {
  clipsOf,
  framesQuestion,
  lookedAt,
  lossColumns,
  missingFor,
  subjectIn,
  trainingFrom,
  trainingOf,
  trainRequestOf,
  trendOf,
  USUAL_TRAINING,
  withExample,
  withSteps,
  withSubject,
  withTrained,
  type Training,
} from '../../plugin/training.ts';

const shotOf = (path: string, from: number, to: number | null): Shot => ({
  ...{ source: { path, from, to }, rate: null, notices: [], markers: [], export: null, spot: null, made: null },
});

const said: Training = { ...USUAL_TRAINING, model: '/m.safetensors', trigger: ' mirelda ' };
const shots = [shotOf('/a.mov', 10, 40), shotOf('/b.mov', 0, null)];
const boxes = (...frames: readonly number[]): TrainSubject => ({
  ...{ kind: 'boxes', boxes: frames.map((frame) => ({ frame, x: 1, y: 2, width: 20, height: 30 })) },
});

/** As the bridge answered, with the first frame left out and the last one told of. */
function looked(training: Training): Training {
  const question = framesQuestion(training, clipsOf(training, shots));
  const box = { x: 0, y: 0, width: 64, height: 64 };
  const examples = [10, 20, 30].map((frame) => ({ clip: 0, frame, box, caption: null, dropped: false }));
  const all = { question, examples, size: { width: 64, height: 64 }, notes: [] };
  return { ...training, looked: withExample(withExample(all, 0, { dropped: true }), 2, { caption: 'mirelda asleep' }) };
}

test('two clicks make a box in the picture that the bridge takes, whichever corners they are', () => {
  const size = fc.record({ width: fc.integer({ min: 16, max: 4096 }), height: fc.integer({ min: 16, max: 4096 }) });
  const point = fc.record({
    x: fc.double({ min: 0, max: 1, noNaN: true }),
    y: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(size, point, point, (picture, a, b) => {
      const [from, to] = [a, b].map(({ x, y }) => ({ x: x * picture.width, y: y * picture.height })) as [
        { x: number; y: number },
        { x: number; y: number },
      ];
      const box = boxBetween(from, to, picture);
      for (const side of Object.values(box)) expect(Number.isInteger(side)).toBe(true);
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.y).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(picture.width);
      expect(box.y + box.height).toBeLessThanOrEqual(picture.height);
      expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(16);
      expect(boxBetween(to, from, picture)).toEqual(box);
      // What is large enough is where it was clicked.
      if (Math.abs(from.x - to.x) > 17) {
        expect(Math.abs(box.x - Math.min(from.x, to.x))).toBeLessThanOrEqual(1);
        expect(Math.abs(box.width - Math.abs(from.x - to.x))).toBeLessThanOrEqual(1);
      }
    }),
  );
  expect(middleBox({ width: 320, height: 180 })).toEqual({ x: 80, y: 45, width: 160, height: 90 });
  expect(fittedBox({ x: 300, y: 0, width: 900, height: 20 }, { width: 320, height: 180 })).toMatchObject({
    ...{ x: 0, width: 320, height: 20 },
  });
});

test('one box a frame, in the order of the frames', () => {
  const box = middleBox({ width: 320, height: 180 });
  const two = withBox(withBox([], 20, box), 5, box);
  expect(two.map(({ frame }) => frame)).toEqual([5, 20]);
  expect(withBox(two, 20, { ...box, x: 0 })).toEqual([two[0], { frame: 20, ...box, x: 0 }]);
  expect(withoutBox(two, 5)).toEqual([two[1]]);
  // What was proposed in the first frame goes with the first box that is drawn; what was drawn stays.
  const size = { width: 320, height: 180 };
  const drawn = withDrawn(undrawn(3, size), 9, { ...box, x: 0 }, 3, size);
  expect(drawn.map(({ frame }) => frame)).toEqual([9]);
  expect(withDrawn(drawn, 20, box, 3, size).map(({ frame }) => frame)).toEqual([9, 20]);
  expect(withDrawn(undrawn(3, size), 3, { ...box, x: 0 }, 3, size)).toEqual([{ frame: 3, ...box, x: 0 }]);
});

test('a subject belongs to its source; a trimmed clip has the boxes within, and the others stay', () => {
  const { source } = shots[0]!;
  const all = { ...said, ...withSubject(said, { ...source, from: 0, to: 100 }, boxes(5, 20, 90)) };
  expect(subjectIn(all, source)).toEqual(boxes(20));
  expect(subjectIn(all, { ...source, from: 30, to: 40 })).toEqual({ kind: 'whole' });
  expect(subjectIn(all, shots[1]!.source)).toEqual({ kind: 'whole' });
  const moved = { ...all, ...withSubject(all, source, boxes(12)) };
  expect(subjectIn(moved, { ...source, from: 0, to: 100 })).toEqual(boxes(5, 12, 90));
  const whole = { ...moved, ...withSubject(moved, source, { kind: 'whole' }) };
  expect(subjectIn(whole, { ...source, from: 0, to: 100 })).toEqual({ kind: 'whole' });
});

test('the request is one that the bridge takes: automatic until the frames were looked at, then what was left of them', () => {
  const clips = clipsOf(said, shots);
  const automatic = trainRequestSchema.parse(trainRequestOf(said, clips));
  expect(automatic).toMatchObject({
    trigger: 'mirelda',
    examples: { kind: 'auto', count: 20 },
    output: { kind: 'store', name: 'mirelda' },
    samples: { every: 200, prompt: 'a photo of mirelda' },
    prior: null,
  });
  expect(automatic.clips.map(({ source }) => source.path)).toEqual(['/a.mov', '/b.mov']);
  const seen = looked(said);
  expect(trainRequestSchema.parse(trainRequestOf(seen, clips)).examples).toEqual({
    kind: 'chosen',
    frames: [
      { clip: 0, frame: 20, caption: null },
      { clip: 0, frame: 30, caption: 'mirelda asleep' },
    ],
  });
  // Other clips, another number, another place of the subject: those frames were not chosen for them.
  const others: readonly [Training, readonly Shot[]][] = [
    [seen, [shots[0]!]],
    [{ ...seen, count: 10 }, shots],
    [{ ...seen, ...withSubject(seen, shots[0]!.source, boxes(12)) }, shots],
  ];
  for (const [training, read] of others) {
    expect(lookedAt(training, clipsOf(training, read))).toBeNull();
    expect(trainRequestOf(training, clipsOf(training, read)).examples.kind).toBe('auto');
  }
});

test('what is missing is named before anything is asked of the bridge', () => {
  const clips = clipsOf(said, shots);
  expect(missingFor(said, clips)).toBeNull();
  expect(missingFor({ ...said, model: '' }, clips)).toBe('model');
  expect(missingFor({ ...said, trigger: '  ' }, clips)).toBe('trigger');
  expect(missingFor({ ...said, prior: { folder: '/others', caption: '' } }, clips)).toBe('prior');
  const seen = looked(said);
  const none = { ...seen.looked!, examples: seen.looked!.examples.map((one) => ({ ...one, dropped: true })) };
  expect(missingFor({ ...seen, looked: none }, clips)).toBe('frames');
  const mask = { kind: 'images', folder: '', channel: 'grey', grow: 0, feather: 0 } as const;
  const masked = { ...said, ...withSubject(said, shots[0]!.source, { kind: 'mask', mask }) };
  expect(missingFor(masked, clipsOf(masked, shots))).toBe('mask');
});

test('what follows from the number of steps follows', () => {
  expect(withSteps(said, 400)).toMatchObject({ settings: { steps: 400, warmup: 20 }, samples: { every: 80 } });
  const quiet = { ...said, samples: { every: 0, prompt: '' } };
  expect(withSteps(quiet, 400).samples.every).toBe(0);
});

test('a request is brought back whole, also what was left out and told of its frames', () => {
  const seen = looked({
    ...said,
    trigger: 'mirelda',
    name: 'Mirelda, scene 3',
    prior: { folder: '/p', caption: 'a person' },
  });
  const boxed = looked({ ...seen, ...withSubject(seen, shots[0]!.source, boxes(12, 30)) });
  const clips = clipsOf(boxed, shots);
  const request = trainRequestOf(boxed, clips);
  const box = { x: 0, y: 0, width: 64, height: 64 };
  const view: TrainingView = {
    ...{ losses: [], samples: [], notes: [], size: { width: 64, height: 64 } },
    examples: [
      { clip: 0, frame: 20, box, caption: 'a photo of mirelda' },
      { clip: 0, frame: 30, box, caption: 'mirelda asleep' },
    ],
  };
  const back = trainingOf(request, view, USUAL_TRAINING);
  expect(trainRequestOf(back, clipsOf(back, shots))).toEqual(request);
  // What it was trained on is not known: the bridge chooses again.
  expect(trainingOf(request, null, USUAL_TRAINING).looked).toBeNull();
  const automatic = trainRequestOf(said, clipsOf(said, shots));
  const again = trainingOf(automatic, view, USUAL_TRAINING);
  expect(trainRequestOf(again, clipsOf(again, shots))).toEqual(automatic);
});

test('what was trained comes into the look with its model and its word, once', () => {
  const request = trainRequestOf(said, clipsOf(said, shots));
  const choices = { ...USUAL, look: { ...USUAL.look, prompt: 'at the sea' } };
  const once = { ...choices, ...withTrained(choices, request, '/l.safetensors') };
  expect(once).toMatchObject({ style: 'prompt', look: { model: '/m.safetensors', prompt: 'mirelda, at the sea' } });
  expect(once.look.loras).toEqual([{ file: '/l.safetensors', scale: 1, textScale: 1 }]);
  const twice = { ...once, ...withTrained(once, request, '/l.safetensors') };
  expect(twice).toEqual(once);
  const other = { ...choices, look: { ...choices.look, prompt: 'mireldas' } };
  expect(withTrained(other, request, '/l.safetensors').look.prompt).toBe('mirelda, mireldas');
  const bare = { ...choices, look: { ...choices.look, prompt: '' } };
  expect(withTrained(bare, request, '/l.safetensors').look.prompt).toBe('mirelda');
});

test('columns of losses hold every point once and cover every step', () => {
  const gaps = fc.array(
    fc.record({ gap: fc.integer({ min: 1, max: 40 }), loss: fc.double({ min: 0, max: 2, noNaN: true }) }),
    {
      minLength: 1,
      maxLength: 300,
    },
  );
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 120 }), (points, count) => {
      let step = 0;
      const losses = points.map(({ gap, loss }) => ({ step: (step += gap), loss }));
      const columns = lossColumns(losses, count);
      expect(columns.length).toBe(Math.min(count, losses.length));
      expect(columns[0]!.from).toBe(1);
      expect(columns.at(-1)!.to).toBe(step + 1);
      for (const [n, { from, to, value }] of columns.entries()) {
        expect(to).toBe(columns[n + 1]?.from ?? to);
        const inside = losses.filter((one) => one.step >= from && one.step < to).map(({ loss }) => loss);
        expect(value).toBeCloseTo(inside.reduce((sum, loss) => sum + loss, 0) / inside.length, 9);
      }
    }),
  );
  expect(lossColumns([], 80)).toEqual([]);
  expect(trendOf([4, 2, 0, 0], 2)).toEqual([4, 3, 1, 0]);
});

test('what was kept of an earlier time is taken as far as it fits', () => {
  expect(trainingFrom(JSON.stringify(looked(said)))).toEqual(looked(said));
  for (const text of [null, 'no JSON', '[]', '{"settings":{"steps":"many"},"subjects":[null],"looked":{}}']) {
    expect(trainingFrom(text)).toEqual(USUAL_TRAINING);
  }
  expect(trainingFrom('{"area":262144}').area).toBe(262144);
});
