import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderRequestSchema } from '../../bridge-server/protocol/request.ts';
import type { Shot } from '../../plugin/host/host.ts';
import { choicesFrom, choicesOf, missing, requestOf, STYLES, USUAL, type Choices } from '../../plugin/request.ts';

const shot = (path = '/shots/a.mov'): Shot => ({
  source: { path, from: 7, to: 31 },
  ...{ rate: null, notices: [], spot: null, made: null },
});

const anyChoices: fc.Arbitrary<Choices> = fc.record({
  style: fc.constantFrom(...STYLES),
  model: fc.constant('/models/a.safetensors'),
  prompt: fc.string(),
  negative: fc.string(),
  strength: fc.integer({ min: 5, max: 100 }),
  steps: fc.integer({ min: 1, max: 200 }),
  guidance: fc.integer({ min: 0, max: 50 }),
  seed: fc.nat(),
  ownKeys: fc.constant('/keys'),
  keys: fc.constantFrom('auto', 'every-12', 'every-24', 'all'),
  profile: fc.constantFrom('fast', 'small', 'quality'),
  codec: fc.constantFrom('prores4444', 'h264'),
});

test('whatever is chosen makes a request that the bridge can read, without sound; and back', () => {
  fc.assert(
    fc.property(anyChoices, (choices) => {
      const request = requestOf(shot(), choices);
      expect(renderRequestSchema.safeParse(request).error).toBeUndefined();
      expect(request.source).toMatchObject({ from: 7, to: 31 });
      expect(request.output).toMatchObject({ kind: 'movie', sound: false });
      // Choices that do not matter to a style are not in its request.
      expect(requestOf(shot(), { ...USUAL, ...choicesOf(request) })).toEqual(request);
    }),
  );
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
  const spot = { host: 'after-effects', comp: 1, layer: 2, footage: 3, paintedFrom: 0, paintedTo: 9 } as const;
  const made = { job: 'j', request: slow, spot: { ...spot, rate: { num: 24, den: 1 } } };
  expect(requestOf({ ...shot(), made }, { ...USUAL, style: 'poster' }).source).toEqual(slow.source);
});

test('what is missing is said, and what was stored is taken as far as it fits', () => {
  expect(missing(USUAL)).toBeNull();
  expect(missing({ ...USUAL, style: 'prompt' })).toBe('model');
  expect(missing({ ...USUAL, style: 'own' })).toBe('own-keys');
  expect(choicesFrom(null)).toEqual(USUAL);
  expect(choicesFrom('{broken')).toEqual(USUAL);
  expect(choicesFrom(JSON.stringify({ style: 'watercolour', keys: 'few', steps: 'many', seed: 7, extra: 1 }))).toEqual({
    ...USUAL,
    seed: 7,
  });
});
