import { expect, test } from 'vitest';
import type { InstalledModel } from '../../bridge-server/protocol/http.ts';
import { controlWith, findModel, fittingTo, type Installed } from '../../plugin/installed.ts';
import {
  isAsPreset,
  keepPresets,
  keptPresets,
  OURS,
  presetOfText,
  presetText,
  subjectOf,
  withKept,
  withPreset,
  type Preset,
} from '../../plugin/presets.ts';
import { USUAL_MANNER, type Manner } from '../../plugin/request.ts';

const SD15 = 'Stable Diffusion 1.5';
const model = (path: string, changes: Partial<InstalledModel>): InstalledModel => ({
  ...{
    path,
    name: path.slice(1),
    kind: 'checkpoint',
    family: SD15,
    bytes: 1,
    steps: null,
    guidance: null,
    control: null,
    trigger: null,
  },
  ...changes,
});
const dream = model('/dream', {});
const soft = model('/soft', { kind: 'controlnet', control: 'softedge' });
const softXl = model('/soft-xl', { kind: 'controlnet', family: 'SDXL', control: 'softedge' });
const anna = model('/old/anna.safetensors', { kind: 'lora' });
const installed: Installed = [dream, softXl, soft, anna];

const manner: Manner = { ...USUAL_MANNER, model: '/dream', seed: 9, steps: 7 };
const [watercolour, impasto] = OURS as [Preset, Preset];

test('what goes with a model is of its family, or does not say', () => {
  const unknown = model('/x', { kind: 'lora', family: null });
  expect(fittingTo(dream, [soft, softXl, unknown])).toEqual({ fits: [soft, unknown], others: [softXl] });
  expect(findModel(installed, 'D:\\loras\\anna.safetensors')).toBe(anna);
  expect(findModel(installed, '/other')).toBeNull();
});

test('one of ours paints the same subject in another manner, held by a ControlNet that fits', () => {
  const first = withPreset({ ...manner, prompt: 'a woman at the sea' }, watercolour, installed);
  expect(first.lacking).toEqual([]);
  expect(first.manner).toMatchObject({
    model: '/dream',
    seed: 9,
    steps: 7,
    controls: [{ file: '/soft', weight: 0.8 }],
  });
  expect(first.manner.prompt).toMatch(/^a woman at the sea, watercolour/);
  const second = withPreset(first.manner, impasto, installed).manner;
  expect(second.prompt).toMatch(/^a woman at the sea, impasto/);
  expect(subjectOf(second.prompt)).toBe('a woman at the sea');
  expect(subjectOf(withPreset(manner, watercolour, installed).manner.prompt)).toBe('');
});

test('what it cannot have is said, and it paints without', () => {
  const { manner: without, lacking } = withPreset(manner, watercolour, [dream, softXl]);
  expect(without.controls).toEqual([]);
  expect(lacking).toEqual([{ kind: 'control', map: 'softedge', family: SD15 }]);
});

test('a preset is as it was until something of it is changed; the subject and the seed are not of it', () => {
  for (const preset of OURS) {
    const { manner: now } = withPreset(manner, preset, installed);
    expect(isAsPreset(now, preset, installed), preset.name).toBe(true);
    expect(isAsPreset({ ...now, prompt: `at night, ${now.prompt}`, seed: 1 }, preset, installed)).toBe(true);
    expect(isAsPreset({ ...now, strength: 0.1 }, preset, installed)).toBe(false);
  }
});

const mine: Extract<Preset, { kind: 'mine' }> = {
  kind: 'mine',
  name: 'Anna, warm',
  manner: {
    ...manner,
    prompt: 'anna, golden hour',
    loras: [
      { file: '/loras/anna.safetensors', scale: 0.8, textScale: 0.8 },
      { file: '/loras/lost.safetensors', scale: 1, textScale: 1 },
    ],
    controls: [controlWith(soft)],
  },
};

test('the user’s own finds its files by name, says which are not here, and leaves the seed alone', () => {
  const { manner: now, lacking } = withPreset({ ...manner, seed: 4 }, mine, installed);
  expect(now).toEqual({
    ...mine.manner,
    seed: 4,
    loras: [{ file: '/old/anna.safetensors', scale: 0.8, textScale: 0.8 }],
  });
  expect(lacking).toEqual([{ kind: 'file', name: 'lost.safetensors' }]);
  expect(isAsPreset(now, mine, installed)).toBe(true);
});

test('kept, replaced under the same name, and sent as a text that tells of no folder', () => {
  const stored = new Map<string, string>();
  const memory = {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, value: string) => void stored.set(name, value),
  };
  expect(keptPresets(memory)).toEqual([]);
  const other = { ...mine, manner: { ...mine.manner, steps: 33 } };
  keepPresets(memory, withKept(withKept([], mine), other));
  expect(keptPresets(memory)).toEqual([other]);
  const text = presetText(mine);
  expect(text).not.toContain('/');
  const received = presetOfText(text)!;
  expect(withPreset(manner, received, installed)).toEqual(withPreset(manner, mine, installed));
  for (const wrong of ['', '{', '[]', '{"name":"x"}', '{"name":" ","manner":{}}', 'null']) {
    expect(presetOfText(wrong), wrong).toBeNull();
  }
});
