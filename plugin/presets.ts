import type { ControlKind } from '../bridge-server/control/kinds.ts';
import { tiesOf, type Alike } from './alike.ts';
import { controlWith, findModel, fittingTo, ofKind, type Installed } from './installed.ts';
import { nameOf } from './panel/text.ts';
import type { Memory } from './host/host.ts';
import { fitting, USUAL_MANNER, type Manner } from './request.ts';
import { words } from './words.ts';

/** A way of painting under a name: one that comes with the panel, or one that the user kept. */
export type Preset =
  | { readonly kind: 'ours'; readonly name: string; readonly recipe: Recipe }
  /** Its files are looked for by name where they do not lie where they lay. */
  | { readonly kind: 'mine'; readonly name: string; readonly manner: Manner };

/** What one of ours adds to any prompt and any model. */
type Recipe = {
  readonly manner: string;
  readonly negative: string;
  readonly strength: number;
  readonly alike: Alike;
  /** What the picture is held to, where a ControlNet for it is installed. */
  readonly map: ControlKind | null;
};

const PHOTOGRAPH = 'photograph, blurry, text, watermark';
const RECIPES: Readonly<Record<keyof typeof words.presets.ours, Recipe>> = {
  watercolour: {
    manner: 'watercolour painting, loose washes, wet edges, visible paper grain',
    ...{ negative: PHOTOGRAPH, strength: 0.55, alike: 'alike', map: 'softedge' },
  },
  impasto: {
    manner: 'impasto oil painting, thick palette knife strokes, rich pigment',
    ...{ negative: PHOTOGRAPH, strength: 0.55, alike: 'alike', map: 'softedge' },
  },
  charcoal: {
    manner: 'charcoal drawing on rough paper, smudged shadows, monochrome',
    ...{ negative: `${PHOTOGRAPH}, colour`, strength: 0.6, alike: 'alike', map: 'lineart' },
  },
  comic: {
    manner: 'graphic novel panel, bold ink outlines, flat colours, halftone shadows',
    ...{ negative: PHOTOGRAPH, strength: 0.55, alike: 'alike', map: 'lineart' },
  },
  clay: {
    manner: 'stop motion clay figures, handmade set, soft studio light',
    ...{ negative: 'drawing, blurry, text, watermark', strength: 0.65, alike: 'locked', map: 'softedge' },
  },
};

export const OURS: readonly Preset[] = (Object.keys(RECIPES) as (keyof typeof RECIPES)[]).map((id) => ({
  ...{ kind: 'ours', name: words.presets.ours[id], recipe: RECIPES[id] },
}));

/** What a preset could not have as it is: a model file that is not here, or a kind of ControlNet. */
export type Lacking =
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'control'; readonly map: ControlKind; readonly family: string | null };

/** The manner after choosing a preset. The seed stays, and with one of ours also the subject, the model and its sampling. */
export function withPreset(
  manner: Manner,
  preset: Preset,
  installed: Installed,
): { readonly manner: Manner; readonly lacking: readonly Lacking[] } {
  return preset.kind === 'ours' ? withOurs(manner, preset.recipe, installed) : withMine(manner, preset, installed);
}

function withOurs(manner: Manner, recipe: Recipe, installed: Installed): ReturnType<typeof withPreset> {
  const checkpoint = findModel(installed, manner.model);
  const { fits } = fittingTo(checkpoint, ofKind(installed, 'controlnet'));
  const net = fits.find(({ control }) => control === recipe.map);
  const subject = subjectOf(manner.prompt);
  const { negative, strength, alike, map } = recipe;
  return {
    manner: {
      ...{ ...manner, negative, strength, ...tiesOf(alike) },
      prompt: subject === '' ? recipe.manner : `${subject}, ${recipe.manner}`,
      controls: net ? [{ ...controlWith(net), weight: 0.8 }] : [],
    },
    lacking: map && !net ? [{ kind: 'control', map, family: checkpoint?.family ?? null }] : [],
  };
}

/** What a prompt shows, without the manner that one of ours added to it. */
export function subjectOf(prompt: string): string {
  const added = Object.values(RECIPES).find(({ manner }) => prompt.endsWith(manner));
  return added ? prompt.slice(0, -added.manner.length).replace(/,\s*$/, '') : prompt;
}

function withMine(
  current: Manner,
  { manner }: Extract<Preset, { kind: 'mine' }>,
  installed: Installed,
): ReturnType<typeof withPreset> {
  const lacking: Lacking[] = [];
  const found = (path: string): string | null => {
    const model = findModel(installed, path);
    if (!model) lacking.push({ kind: 'file', name: nameOf(path) });
    return model?.path ?? null;
  };
  const each = <T>(all: readonly T[], path: (one: T) => string, at: (one: T, path: string) => T): T[] =>
    all.flatMap((one) => {
      const here = found(path(one));
      return here === null ? [] : [at(one, here)];
    });
  return {
    manner: {
      ...manner,
      seed: current.seed,
      model: (manner.model === '' ? null : found(manner.model)) ?? current.model,
      vae: manner.vae && found(manner.vae),
      motion: manner.motion && found(manner.motion),
      embeddings: each(
        [...manner.embeddings],
        (path) => path,
        (_, path) => path,
      ),
      loras: each(
        [...manner.loras],
        ({ file }) => file,
        (lora, file) => ({ ...lora, file }),
      ),
      controls: each(
        [...manner.controls],
        ({ file }) => file,
        (control, file) => ({ ...control, file }),
      ),
    },
    lacking,
  };
}

/** Whether nothing that a preset says was changed since it was chosen. */
export function isAsPreset(manner: Manner, preset: Preset, installed: Installed): boolean {
  return JSON.stringify(withPreset(manner, preset, installed).manner) === JSON.stringify(manner);
}

const MEMORY = 'pentimento.presets';

/** Those that the user kept, by name. */
export function keptPresets(memory: Memory): readonly Preset[] {
  try {
    const stored: unknown = JSON.parse(memory.getItem(MEMORY) ?? '[]');
    return Array.isArray(stored) ? stored.flatMap((one) => presetFrom(one) ?? []) : [];
  } catch {
    return [];
  }
}

export const keepPresets = (memory: Memory, presets: readonly Preset[]): void =>
  memory.setItem(MEMORY, JSON.stringify(presets));

/** With it, instead of one of the same name. */
export const withKept = (presets: readonly Preset[], preset: Preset): readonly Preset[] =>
  [...presets.filter(({ name }) => name !== preset.name), preset].sort((a, b) => a.name.localeCompare(b.name));

/** A preset as a text to send to somebody: of files only the names. */
export function presetText({ name, manner }: Extract<Preset, { kind: 'mine' }>): string {
  const named = {
    ...manner,
    model: nameOf(manner.model),
    vae: manner.vae && nameOf(manner.vae),
    motion: manner.motion && nameOf(manner.motion),
    embeddings: manner.embeddings.map(nameOf),
    loras: manner.loras.map((lora) => ({ ...lora, file: nameOf(lora.file) })),
    controls: manner.controls.map((control) => ({ ...control, file: nameOf(control.file) })),
  };
  return JSON.stringify({ name, manner: named }, null, 1);
}

/** The preset that such a text tells of; null when it is none. */
export function presetOfText(text: string): Preset | null {
  try {
    return presetFrom(JSON.parse(text));
  } catch {
    return null;
  }
}

function presetFrom(value: unknown): Preset | null {
  const { name, manner } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (typeof name !== 'string' || name.trim() === '' || typeof manner !== 'object' || manner === null) return null;
  return { kind: 'mine', name: name.trim(), manner: fitting(USUAL_MANNER, manner) };
}
