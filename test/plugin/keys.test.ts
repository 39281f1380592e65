import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  chosenAt,
  keysWithin,
  movedKey,
  withKey,
  withoutKey,
  withPicture,
  type ChosenKeys,
} from '../../plugin/keys.ts';
import { promptAt, withoutPrompt, withPrompt } from '../../plugin/prompts.ts';
import { NO_SHOT_CHOICES } from '../../plugin/request.ts';
import { choicesWithin, shotChoicesFrom, withChoices, type Shots } from '../../plugin/shots.ts';

const frame = fc.nat(40);
const image = { kind: 'image', path: '/mine.png' } as const;
const anew = { kind: 'repainted', seed: 3 } as const;
const frames = (keys: ChosenKeys | null): readonly number[] | undefined => keys?.map((key) => key.frame);

/** What a user may do to the keys of a shot, one thing after the other. */
const anyEdit: fc.Arbitrary<(keys: ChosenKeys) => ChosenKeys> = fc.oneof(
  frame.map((at) => (keys: ChosenKeys) => withKey(keys, at)),
  frame.map((at) => (keys: ChosenKeys) => withoutKey(keys, at)),
  fc.tuple(frame, frame).map(
    ([from, to]) =>
      (keys: ChosenKeys) =>
        movedKey(keys, from, to),
  ),
  fc.tuple(frame, fc.constantFrom(image, anew)).map(
    ([at, picture]) =>
      (keys: ChosenKeys) =>
        withPicture(keys, at, picture),
  ),
);

test('whatever is done to keys, they ascend, each frame is there once, and one is left', () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1 }), fc.array(anyEdit), (start, edits) => {
      const keys = frames(edits.reduce((all, edit) => edit(all), chosenAt(start)))!;
      expect(keys.length).toBeGreaterThan(0);
      expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b));
    }),
  );
});

test('a change of one key leaves the others as they are', () => {
  const keys = withPicture(withPicture(chosenAt([3, 9, 20]), 9, image), 20, anew);
  expect(withKey(keys, 9)).toBe(keys);
  expect(movedKey(keys, 3, 9)).toBe(keys);
  // An image was made for its frame; a seed is good for any.
  expect(movedKey(keys, 9, 1)).toEqual([{ frame: 1, picture: { kind: 'painted' } }, keys[0], keys[2]]);
  expect(movedKey(keys, 20, 1)).toEqual([{ frame: 1, picture: anew }, keys[0], keys[1]]);
  expect(withoutKey(keys, 3)).toEqual([keys[1], keys[2]]);
});

test('keys belong to the frames of a source: two clips of it see each their own', () => {
  const clip = (from: number, to: number | null) => ({ path: '/a.mov', from, to });
  let shots: Shots = withChoices([], clip(0, 20), { keys: chosenAt([4, 19]) });
  expect(choicesWithin(shots, clip(20, 40)).keys).toBeNull();
  shots = withChoices(shots, clip(20, 40), { keys: chosenAt([20]) });
  expect(frames(choicesWithin(shots, clip(0, null)).keys)).toEqual([4, 19, 20]);
  // A clip that was trimmed keeps what it still shows; back to automatic takes only its own away.
  expect(frames(choicesWithin(shots, clip(5, 25)).keys)).toEqual([19, 20]);
  shots = withChoices(shots, clip(0, 20), { keys: null });
  expect(frames(choicesWithin(shots, clip(0, null)).keys)).toEqual([20]);
  expect(choicesWithin(shots, { path: '/b.mov', from: 0, to: null })).toEqual(NO_SHOT_CHOICES);
});

test('nothing outside a clip is changed by what is chosen within it', () => {
  const range = fc.tuple(frame, frame).map(([a, b]) => ({ path: '/a.mov', from: Math.min(a, b), to: Math.max(a, b) }));
  const keys = fc.option(fc.array(frame, { minLength: 1 }).map(chosenAt));
  fc.assert(
    fc.property(keys, range, keys, (before, clip, now) => {
      const all = { path: '/a.mov', from: 0, to: null };
      const shots = withChoices(withChoices([], all, { keys: before }), clip, { keys: now });
      const kept = frames(choicesWithin(shots, all).keys) ?? [];
      const outside = (at: number): boolean => at < clip.from || at >= clip.to;
      expect(kept.filter(outside)).toEqual((frames(before) ?? []).filter(outside));
      expect(choicesWithin(shots, clip).keys).toEqual(keysWithin(now, clip.from, clip.to));
    }),
  );
});

test('prompts over time belong to frames, too: one a frame, and a clip has those within it', () => {
  const say = (frame: number, prompt: string) => ({ frame, prompt, then: 'hold' as const });
  const all = withPrompt(withPrompt(withPrompt([], say(30, 'night')), say(8, 'day')), say(30, 'dusk'));
  expect(all).toEqual([say(8, 'day'), say(30, 'dusk')]);
  expect([0, 8, 29, 40].map((at) => promptAt('dawn', all, at))).toEqual(['dawn', 'day', 'day', 'dusk']);
  const clip = (from: number, to: number | null) => ({ path: '/a.mov', from, to });
  let shots = withChoices([], clip(0, null), { prompts: all });
  // The bridge takes none outside the clip.
  expect(choicesWithin(shots, clip(10, 40)).prompts).toEqual([say(30, 'dusk')]);
  shots = withChoices(shots, clip(10, 40), { prompts: withoutPrompt(choicesWithin(shots, clip(10, 40)).prompts, 30) });
  shots = withChoices(shots, clip(10, 40), { prompts: [say(12, 'noon')] });
  expect(choicesWithin(shots, clip(0, null)).prompts).toEqual([say(8, 'day'), say(12, 'noon')]);
});

test('what was chosen for shots outlives the panel, the latest fifty sources of it', () => {
  let shots: Shots = [];
  for (let n = 0; n < 60; n++)
    shots = withChoices(shots, { path: `/${n}.mov`, from: 0, to: 9 }, { keys: chosenAt([n % 9]) });
  expect(shots).toHaveLength(50);
  expect(shotChoicesFrom(JSON.stringify(shots))).toEqual(shots);
  expect(shotChoicesFrom('{broken')).toEqual([]);
  expect(shotChoicesFrom('[{"path":"/a","own":{"keys":"all","mask":null}},7]')).toEqual([
    { path: '/a', own: NO_SHOT_CHOICES },
  ]);
});
