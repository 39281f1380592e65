import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CONTROL_KINDS } from '../../bridge-server/control/kinds.ts';
import { SCHEDULERS } from '../../bridge-server/diffusion/schedulers/kinds.ts';
import { renderRequestSchema, type RenderRequest } from '../../bridge-server/protocol/request.ts';
import { ALIKE, alikeOf, tiesOf } from '../../plugin/alike.ts';
import type { Shot } from '../../plugin/host/host.ts';
import { usualMap } from '../../plugin/installed.ts';
import {
  choicesFrom,
  choicesOf,
  missing,
  NO_SHOT_CHOICES,
  requestOf,
  STYLES,
  USUAL,
  type Choices,
  type Manner,
  type ShotChoices,
} from '../../plugin/request.ts';

const shot = (path = '/shots/a.mov'): Shot => ({
  source: { path, from: 7, to: 31 },
  ...{ rate: null, notices: [], markers: [], export: null, spot: null, made: null },
});

const file = fc.constantFrom('/models/a.safetensors', 'C:\\models\\b.safetensors');
const percent = fc.integer({ min: 0, max: 100 }).map((value) => value / 100);
const path = fc.constantFrom('/frames', 'D:\\frames');

const anyMap = fc.oneof(
  fc.constantFrom(...CONTROL_KINDS).map((kind) => {
    const map = usualMap(kind);
    return map.kind === 'images' ? { ...map, folder: '/maps' } : map;
  }),
  fc.constant({ kind: 'annotator', file: '/nets/depth.onnx', steady: true } as const),
);

const anyControl = fc.record({
  file,
  map: anyMap,
  weight: fc.integer({ min: 0, max: 200 }).map((value) => value / 100),
  start: fc.integer({ min: 0, max: 49 }).map((value) => value / 100),
  end: fc.integer({ min: 50, max: 100 }).map((value) => value / 100),
  guess: fc.boolean(),
});

const anyManner: fc.Arbitrary<Manner> = fc
  .record({
    model: file,
    vae: fc.option(file),
    motion: fc.option(file),
    embeddings: fc.array(file, { maxLength: 2 }),
    prompt: fc.string(),
    negative: fc.string(),
    strength: fc.integer({ min: 5, max: 100 }).map((value) => value / 100),
    steps: fc.integer({ min: 1, max: 200 }),
    guidance: fc.integer({ min: 0, max: 50 }),
    scheduler: fc.option(fc.constantFrom(...SCHEDULERS)),
    seed: fc.nat(),
    clipSkip: fc.integer({ min: 1, max: 12 }),
    area: fc.option(fc.constant(640 * 360)),
    secondPass: fc.option(fc.record({ scale: fc.constant(1.5), strength: fc.constant(0.4) })),
    loras: fc.array(fc.record({ file, scale: percent, textScale: percent }), { maxLength: 3 }),
    controls: fc.array(anyControl, { maxLength: 3 }),
    alike: fc.constantFrom(...ALIKE),
  })
  .map(({ alike, ...manner }) => ({ kind: 'diffusion', ...manner, ...tiesOf(alike) }));

const anyChoices: fc.Arbitrary<Choices> = fc.record({
  style: fc.constantFrom(...STYLES),
  look: anyManner,
  seedKept: fc.boolean(),
  preset: fc.option(fc.string()),
  ownKeys: fc.constant('/keys'),
  withEffects: fc.boolean(),
  keys: fc.oneof(
    fc.record({ kind: fc.constant('auto' as const), budget: fc.option(fc.integer({ min: 1, max: 99 })) }),
    fc.record({ kind: fc.constant('every' as const), step: fc.integer({ min: 1, max: 99 }) }),
  ),
  profile: fc.constantFrom('fast', 'small', 'quality'),
  codec: fc.constantFrom('prores4444', 'h264'),
});

const anyPicture = fc.oneof(
  fc.constant({ kind: 'painted' } as const),
  fc.nat().map((seed) => ({ kind: 'repainted', seed }) as const),
  path.map((folder) => ({ kind: 'image', path: `${folder}/1.png` }) as const),
);

const anyMask = fc.oneof(
  fc.record({ kind: fc.constant('source' as const), grow: fc.integer({ min: -512, max: 512 }), feather: fc.nat(512) }),
  fc.record({
    ...{ kind: fc.constant('images' as const), folder: path, channel: fc.constantFrom('grey', 'alpha') },
    ...{ grow: fc.integer({ min: -512, max: 512 }), feather: fc.nat(512) },
  }),
);

const anyOwn: fc.Arbitrary<ShotChoices> = fc.record({
  keys: fc.option(
    fc
      .uniqueArray(fc.integer({ min: 7, max: 30 }), { minLength: 1 })
      .chain((frames) =>
        fc.tuple(...frames.sort((a, b) => a - b).map((frame) => anyPicture.map((picture) => ({ frame, picture })))),
      ),
  ),
  mask: fc.option(anyMask),
  prompts: fc.constantFrom([], [{ frame: 12, prompt: 'dusk', then: 'fade' as const }]),
  regions: fc.array(fc.record({ mask: anyMask, prompt: fc.string() }), { maxLength: 2 }),
  details: fc.constantFrom(
    [],
    [{ boxes: [{ frame: 8, x: 1, y: 2, width: 64, height: 64 }], prompt: null, strength: 0.4, feather: 9 }],
  ),
});

test('whatever is chosen makes a request that the bridge can read, without sound; and back', () => {
  fc.assert(
    fc.property(anyChoices, anyOwn, (choices, own) => {
      const request = requestOf(shot(), choices, own);
      expect(renderRequestSchema.safeParse(request).error).toBeUndefined();
      expect(request.source).toMatchObject({ from: 7, to: 31 });
      expect(request.output).toMatchObject({ kind: 'movie', sound: false });
      // Choices that do not matter to a style are not in its request.
      const back = choicesOf(request);
      expect(requestOf(shot(), { ...USUAL, ...back.choices }, back.own)).toEqual(request);
    }),
  );
});

test('a key that is to be painted anew needs a look that has a seed', () => {
  const own = { ...NO_SHOT_CHOICES, keys: [{ frame: 9, picture: { kind: 'repainted', seed: 4 } } as const] };
  const kind = (style: Choices['style']): unknown => {
    const { keys } = requestOf(shot(), { ...USUAL, style }, own);
    return keys.kind === 'chosen' ? keys.keys[0]!.picture.kind : keys.kind;
  };
  expect([kind('prompt'), kind('oil'), kind('own')]).toEqual(['repainted', 'painted', 'images']);
});

test('how alike keys are is one choice of four, or a combination of its own', () => {
  for (const alike of ALIKE) expect(alikeOf(tiesOf(alike))).toBe(alike);
  const { consistency } = tiesOf('locked');
  expect(alikeOf({ noise: 'carried', consistency: { ...consistency, shape: 0.9 } })).toBeNull();
});

test.each([
  ['/shots/day 1/a.b.mov', '/shots/day 1/a.b_ink_{version}.mov'],
  ['C:\\shots\\a.mxf', 'C:\\shots\\a_ink_{version}.mov'],
  ['/shots/plates/', '/shots/plates_ink_{version}.mov'],
  ['\\\\server\\share\\a.mov', '\\\\server\\share\\a_ink_{version}.mov'],
])('the result of %s lies beside it', (path, result) => {
  expect(requestOf(shot(path), { ...USUAL, style: 'ink' }).output).toMatchObject({ path: result });
});

test('a painted version is painted from the original clip', () => {
  const first = requestOf(shot(), USUAL);
  const slow = { ...first, source: { ...first.source, rate: { num: 12, den: 1 } } };
  const rate = { num: 24, den: 1 };
  const place = { host: 'after-effects', comp: 1, layer: 2, source: 3, exported: false } as const;
  const time = { stretch: 100, remapped: false, paintedFrom: 0, paintedTo: 9, rate };
  const made = { job: 'j', request: slow, spot: { ...place, ...time } };
  expect(requestOf({ ...shot(), made }, { ...USUAL, style: 'poster' }).source).toEqual(slow.source);
});

test('what is missing is said', () => {
  const look = { ...USUAL.look, model: '/m.safetensors' };
  const control = { file: '/c', map: usualMap('depth'), weight: 1, start: 0, end: 1, guess: false };
  const mask = { kind: 'images', folder: '', channel: 'grey', grow: 0, feather: 0 } as const;
  expect(missing(USUAL)).toBeNull();
  expect(missing({ ...USUAL, style: 'prompt' })).toBe('model');
  expect(missing({ ...USUAL, style: 'prompt', look })).toBeNull();
  // Nothing here draws depth: its maps are to be given.
  expect(missing({ ...USUAL, style: 'prompt', look: { ...look, controls: [control] } })).toBe('map');
  expect(missing({ ...USUAL, style: 'own' })).toBe('own-keys');
  expect(missing(USUAL, { ...NO_SHOT_CHOICES, mask })).toBe('mask');
});

test('what was stored is taken as far as it fits', () => {
  expect(choicesFrom(null)).toEqual(USUAL);
  expect(choicesFrom('{broken')).toEqual(USUAL);
  const stored = { style: 'watercolour', keys: 'few', look: { steps: 'many', seed: 7, vae: '/v' }, extra: 1 };
  expect(choicesFrom(JSON.stringify(stored))).toEqual({ ...USUAL, look: { ...USUAL.look, seed: 7, vae: '/v' } });
  fc.assert(
    fc.property(anyChoices, (choices) => {
      expect(choicesFrom(JSON.stringify(choices))).toEqual(choices);
    }),
  );
  fc.assert(
    fc.property(fc.json(), (text) => {
      const request: RenderRequest = requestOf(shot(), choicesFrom(text));
      expect(request.version).toBe(1);
    }),
  );
});
