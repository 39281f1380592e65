import { NO_CONSISTENCY } from '../bridge-server/diffusion/consistency/settings.ts';
import type { DiffusionLook, RenderRequest } from '../bridge-server/protocol/request.ts';
import type { Shot } from './host/host.ts';
import { isMapSaid } from './installed.ts';

/** How shots are to be painted, as the panel holds it: everything that its controls show and that no single shot owns. */
export type Choices = {
  readonly style: Style;
  /** Of the style 'prompt', as the request says it; its model is '' until one is chosen. */
  readonly look: Manner;
  /** Whether the next painting has the same seed again. */
  readonly seedKept: boolean;
  /** The preset that `look` came from; null: none. */
  readonly preset: string | null;
  /** Of the style 'own': the folder of the artist's images. */
  readonly ownKeys: string;
  /** Whether clips with effects are written by the editor with them first, instead of painted from their files. */
  readonly withEffects: boolean;
  readonly keys: Spacing;
  readonly profile: (typeof PROFILES)[number];
  readonly codec: (typeof CODECS)[number];
};

/** What is chosen for one shot: it makes no sense for another. */
export type ShotChoices = {
  /** The key frames picked by hand; null: as `Choices.keys` says. */
  readonly keys: readonly ChosenKey[] | null;
  readonly mask: RenderRequest['mask'];
} & Pick<DiffusionLook, 'prompts' | 'regions' | 'details'>;

/** A diffusion look without what belongs to a single shot. */
export type Manner = Omit<DiffusionLook, 'prompts' | 'regions' | 'details'>;
export type ChosenKey = Extract<RenderRequest['keys'], { kind: 'chosen' }>['keys'][number];
export type Spacing = Extract<RenderRequest['keys'], { kind: 'auto' | 'every' }>;

export const STYLES = ['oil', 'ink', 'poster', 'prompt', 'own'] as const;
export const PROFILES = ['quality', 'fast', 'small'] as const;
export const CODECS = ['prores4444', 'h264'] as const;
export type Style = (typeof STYLES)[number];

export const USUAL_MANNER: Manner = {
  ...{ kind: 'diffusion', model: '', vae: null, motion: null, embeddings: [], prompt: '', negative: '' },
  ...{ strength: 0.5, steps: 20, guidance: 7.5, scheduler: null, seed: 0, noise: 'still', clipSkip: 1, area: null },
  ...{ secondPass: null, loras: [], controls: [], consistency: NO_CONSISTENCY },
};

export const USUAL: Choices = {
  style: 'oil',
  look: USUAL_MANNER,
  seedKept: true,
  preset: null,
  ownKeys: '',
  withEffects: false,
  keys: { kind: 'auto', budget: null },
  profile: 'quality',
  codec: 'prores4444',
};

export const NO_SHOT_CHOICES: ShotChoices = { keys: null, mask: null, prompts: [], regions: [], details: [] };

/** What is still to be said before anything can be painted; null when nothing is. */
export function missing(
  { style, look, ownKeys }: Choices,
  { mask }: ShotChoices = NO_SHOT_CHOICES,
): 'model' | 'own-keys' | 'map' | 'mask' | null {
  if (style === 'prompt' && look.model === '') return 'model';
  if (style === 'prompt' && !look.controls.every(({ map }) => isMapSaid(map))) return 'map';
  if (style === 'own' && ownKeys === '') return 'own-keys';
  return mask?.kind === 'images' && mask.folder === '' ? 'mask' : null;
}

/** The request for a shot. Its result lies beside the source, named after it, without sound: the timeline has the clip's own. */
export function requestOf(shot: Shot, choices: Choices, own: ShotChoices = NO_SHOT_CHOICES): RenderRequest {
  const { path } = shot.source;
  return {
    version: 1,
    source: sourceOf(shot),
    keys: keysOf(choices, own),
    look: lookOf(choices, own),
    mask: own.mask,
    profile: choices.profile,
    output: { kind: 'movie', path: outputBeside(path, choices), codec: choices.codec, sound: false },
  };
}

/** What is read for a shot: of a painted version, what that was painted from. */
export const sourceOf = ({ source, made }: Shot): RenderRequest['source'] => ({
  ...source,
  rate: made?.request.source.rate ?? null,
  alpha: made?.request.source.alpha ?? 'straight',
});

function keysOf({ style, ownKeys, keys }: Choices, own: ShotChoices): RenderRequest['keys'] {
  if (style === 'own') return { kind: 'images', folder: ownKeys };
  if (own.keys === null) return keys;
  // What has no seed is painted again the same.
  const plain = (key: ChosenKey): ChosenKey =>
    key.picture.kind === 'repainted' && style !== 'prompt' ? { ...key, picture: { kind: 'painted' } } : key;
  return { kind: 'chosen', keys: own.keys.map(plain) };
}

function lookOf({ style, look }: Choices, { prompts, regions, details }: ShotChoices): RenderRequest['look'] {
  if (style === 'own') return { kind: 'none' };
  return style === 'prompt' ? { ...look, prompts, regions, details } : { kind: style };
}

/** The choices that made a request, as far as the panel's controls can say them, and those for its shot: its way back. */
export function choicesOf({ keys, look, mask, profile, output }: RenderRequest): {
  readonly choices: Partial<Choices>;
  readonly own: ShotChoices;
} {
  const common = { profile, ...(output.kind === 'movie' && { codec: output.codec }) };
  const own = { ...NO_SHOT_CHOICES, mask, ...(keys.kind === 'chosen' && { keys: keys.keys }) };
  if (keys.kind === 'images') return { choices: { ...common, style: 'own', ownKeys: keys.folder }, own };
  const spaced = { ...common, ...(keys.kind !== 'chosen' && { keys }) };
  if (look.kind === 'none') return { choices: spaced, own };
  if (look.kind !== 'diffusion') return { choices: { ...spaced, style: look.kind }, own };
  const { prompts, regions, details, ...manner } = look;
  const choices = { ...spaced, style: 'prompt', look: manner, preset: null } as const;
  return { choices, own: { ...own, prompts, regions, details } };
}

/** `/a/b/shot.mov` becomes `/a/b/shot_oil_{version}.mov`; the bridge counts the versions. */
function outputBeside(path: string, { style, codec }: Choices): string {
  const [, folder = '', name = path] = /^(.*[\\/])([^\\/]+?)[\\/]*$/.exec(path) ?? [];
  const stem = name.replace(/\.[^.]{1,5}$/, '');
  return `${folder}${stem}_${style}_{version}.${codec === 'h264' ? 'mp4' : 'mov'}`;
}

/** A stored value as choices; what it lacks, or no longer fits, is as usual. */
export function choicesFrom(stored: string | null): Choices {
  const { keys, style, profile, codec, ...given } = fitting(USUAL, parsed(stored));
  return {
    ...given,
    look: fitting(USUAL_MANNER, given.look),
    keys: spacingFrom(keys),
    style: among(STYLES, style, USUAL.style),
    profile: among(PROFILES, profile, USUAL.profile),
    codec: among(CODECS, codec, USUAL.codec),
  };
}

function spacingFrom(stored: Spacing): Spacing {
  const count = (value: unknown): number | null => (typeof value === 'number' && value >= 1 ? Math.floor(value) : null);
  const step = stored.kind === 'every' ? count(stored.step) : null;
  if (step !== null) return { kind: 'every', step };
  return { kind: 'auto', budget: stored.kind === 'auto' ? count(stored.budget) : null };
}

const among = <T>(all: readonly T[], value: T, usual: T): T => (all.includes(value) ? value : usual);

/** A text that was kept; what nobody can read is nothing. */
export function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '{}');
  } catch {
    return {};
  }
}

/** The members of `given` that are of the same sort as those of `usual`; the others from there. Null may be anything. */
export function fitting<T extends object>(usual: T, given: unknown): T {
  const values = (typeof given === 'object' && given !== null ? given : {}) as Partial<Record<string, unknown>>;
  const sort = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value);
  const members = Object.entries(usual as Record<string, unknown>).map(([name, known]) => {
    const value = values[name];
    const fits = value !== undefined && (known === null || (value !== null && sort(value) === sort(known)));
    return [name, fits ? value : known];
  });
  return Object.fromEntries(members) as T;
}

/** As random as a seed must be. */
export const randomSeed = (): number => Math.floor(Math.random() * 2 ** 32);
