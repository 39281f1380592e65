import { USUAL_CONSISTENCY } from '../bridge-server/diffusion/consistency/settings.ts';
import type { RenderRequest } from '../bridge-server/protocol/request.ts';
import type { Shot } from './host/host.ts';

/** How a shot is to be painted, as the panel holds it: everything that its controls show. */
export type Choices = {
  readonly style: Style;
  /** Of the style 'prompt'. */
  readonly model: string;
  readonly prompt: string;
  readonly negative: string;
  /** How much of the picture is repainted, in per cent. */
  readonly strength: number;
  readonly steps: number;
  readonly guidance: number;
  readonly seed: number;
  /** Of the style 'own': the folder of the artist's images. */
  readonly ownKeys: string;
  readonly keys: (typeof KEYS)[number];
  readonly profile: (typeof PROFILES)[number];
  readonly codec: (typeof CODECS)[number];
};

export const STYLES = ['oil', 'ink', 'poster', 'prompt', 'own'] as const;
export const KEYS = ['auto', 'every-24', 'every-12', 'all'] as const;
export const PROFILES = ['quality', 'fast', 'small'] as const;
export const CODECS = ['prores4444', 'h264'] as const;
export type Style = (typeof STYLES)[number];

export const USUAL: Choices = {
  style: 'oil',
  model: '',
  prompt: '',
  negative: '',
  strength: 50,
  steps: 20,
  guidance: 7.5,
  seed: 0,
  ownKeys: '',
  keys: 'auto',
  profile: 'quality',
  codec: 'prores4444',
};

/** What is still to be said before anything can be painted; null when nothing is. */
export function missing({ style, model, ownKeys }: Choices): 'model' | 'own-keys' | null {
  if (style === 'prompt' && model === '') return 'model';
  if (style === 'own' && ownKeys === '') return 'own-keys';
  return null;
}

/** The request for a shot. Its result lies beside the source, named after it, without sound: the timeline has the clip's own. */
export function requestOf({ source, made }: Shot, choices: Choices): RenderRequest {
  return {
    version: 1,
    source: { ...source, rate: made?.request.source.rate ?? null, alpha: made?.request.source.alpha ?? 'straight' },
    keys: keysOf(choices),
    look: lookOf(choices),
    mask: null,
    profile: choices.profile,
    output: { kind: 'movie', path: outputBeside(source.path, choices), codec: choices.codec, sound: false },
  };
}

function keysOf({ style, ownKeys, keys }: Choices): RenderRequest['keys'] {
  if (style === 'own') return { kind: 'images', folder: ownKeys };
  switch (keys) {
    case 'auto':
      return { kind: 'auto', budget: null };
    case 'every-12':
      return { kind: 'every', step: 12 };
    case 'every-24':
      return { kind: 'every', step: 24 };
    case 'all':
      return { kind: 'every', step: 1 };
  }
}

function lookOf(choices: Choices): RenderRequest['look'] {
  if (choices.style === 'own') return { kind: 'none' };
  if (choices.style !== 'prompt') return { kind: choices.style };
  const { model, prompt, negative, strength, steps, guidance, seed } = choices;
  return {
    kind: 'diffusion',
    ...{ model, prompt, negative, strength: strength / 100, steps, guidance, seed },
    ...{
      vae: null,
      motion: null,
      embeddings: [],
      scheduler: null,
      noise: 'still',
      clipSkip: 1,
      area: null,
      secondPass: null,
    },
    ...{ prompts: [], regions: [], loras: [], controls: [], details: [], consistency: USUAL_CONSISTENCY },
  };
}

/** The choices that made a request, as far as the panel's controls can say them: its way back. */
export function choicesOf({ keys, look, profile, output }: RenderRequest): Partial<Choices> {
  const common = { profile, ...(output.kind === 'movie' && { codec: output.codec }) };
  if (keys.kind === 'images') return { ...common, style: 'own', ownKeys: keys.folder };
  const every: Partial<Record<number, Choices['keys']>> = { 1: 'all', 12: 'every-12', 24: 'every-24' };
  const spacing = keys.kind === 'auto' ? 'auto' : every[keys.step];
  const spaced = { ...common, ...(spacing && { keys: spacing }) };
  if (look.kind === 'none') return spaced;
  if (look.kind !== 'diffusion') return { ...spaced, style: look.kind };
  const { model, prompt, negative, strength, steps, guidance, seed } = look;
  const percent = Math.round(strength * 100);
  return { ...spaced, style: 'prompt', model, prompt, negative, strength: percent, steps, guidance, seed };
}

/** `/a/b/shot.mov` becomes `/a/b/shot_oil_{version}.mov`; the bridge counts the versions. */
function outputBeside(path: string, { style, codec }: Choices): string {
  const [, folder = '', name = path] = /^(.*[\\/])([^\\/]+?)[\\/]*$/.exec(path) ?? [];
  const stem = name.replace(/\.[^.]{1,5}$/, '');
  return `${folder}${stem}_${style}_{version}.${codec === 'h264' ? 'mp4' : 'mov'}`;
}

/** What a choice among several may be. */
const AMONG: Partial<Record<string, readonly unknown[]>> = {
  style: STYLES,
  keys: KEYS,
  profile: PROFILES,
  codec: CODECS,
};

/** A stored value as choices; what it lacks, or no longer fits, is as usual. */
export function choicesFrom(stored: string | null): Choices {
  try {
    const given = JSON.parse(stored ?? '{}') as Partial<Record<string, unknown>>;
    const fits = Object.entries(USUAL).map(([name, usual]) => {
      const value = given[name];
      const known = AMONG[name]?.includes(value) ?? typeof value === typeof usual;
      return [name, known ? value : usual];
    });
    return Object.fromEntries(fits) as Choices;
  } catch {
    return USUAL;
  }
}
