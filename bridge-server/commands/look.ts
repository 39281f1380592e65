import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findAnnotator } from '../control/annotator/find.ts';
import { builtInMap, type ControlKind, isNetFor } from '../control/kinds.ts';
import { USUAL_CONSISTENCY } from '../diffusion/consistency/settings.ts';
import { usualSampling } from '../diffusion/usual-sampling.ts';
import { Failure } from '../errors.ts';
import { folders } from '../folders.ts';
import { withNamedLoras } from '../models/prompt-loras.ts';
import { ModelStore } from '../models/store.ts';
import type { RenderOptions } from './render.ts';
import type { ControlMap } from '../protocol/control-map.ts';
import type { BuiltInLook, DiffusionLook, RenderRequest } from '../protocol/request.ts';
import { openModel } from '../weights/model.ts';
import type { Identity } from '../weights/identify.ts';

/** What the command line says about how keys are painted. */
export type LookOptions = {
  readonly look?: BuiltInLook;
  readonly model?: string;
  readonly vae?: string;
  readonly embedding: readonly string[];
  readonly prompt?: string;
  readonly negative?: string;
  readonly steps?: number;
  readonly guidance?: number;
  readonly strength?: number;
  readonly scheduler?: DiffusionLook['scheduler'];
  readonly seed?: number;
  readonly noise?: DiffusionLook['noise'];
  readonly clipSkip?: number;
  readonly size?: number;
  readonly secondPass?: DiffusionLook['secondPass'];
  readonly lora: readonly LoraOption[];
  readonly motion?: string;
  readonly control: readonly ControlOption[];
  readonly guess?: true;
  readonly consistency?: DiffusionLook['consistency'];
  readonly promptAt: readonly PromptOption[];
  readonly fadePrompts?: true;
  readonly region: readonly RegionOption[];
  readonly regionGrow?: number;
  readonly regionFeather?: number;
  readonly detail: readonly DetailOption[];
  readonly detailPrompt?: string;
  readonly detailStrength?: number;
};

export type PromptOption = { readonly frame: number; readonly prompt: string };
export type RegionOption = { readonly folder: string; readonly prompt: string };
/** Where one detail is, at one frame or several. */
export type DetailOption = DiffusionLook['details'][number]['boxes'];

export type LoraOption = { readonly name: string; readonly scale: number; readonly textScale: number };

/** `folder`: maps drawn by the user; else they are computed. `net` null: looked for in the store. */
export type ControlOption = {
  readonly kind: ControlKind;
  readonly folder: string | null;
  readonly net: string | null;
  readonly weight: number;
  readonly start: number;
  readonly end: number;
};

/** What keys are painted with when nobody said. */
const USUAL_LOOK = 'oil';

/** Which options only a model understands, as they are written. */
const OF_A_MODEL = {
  vae: '--vae',
  prompt: '--prompt',
  negative: '--negative',
  steps: '--steps',
  guidance: '--guidance',
  strength: '--strength',
  scheduler: '--scheduler',
  seed: '--seed',
  noise: '--noise',
  clipSkip: '--clip-skip',
  size: '--size',
  secondPass: '--second-pass',
  motion: '--motion',
  guess: '--guess',
  consistency: '--consistency',
  fadePrompts: '--fade-prompts',
  regionGrow: '--region-grow',
  regionFeather: '--region-feather',
  detailPrompt: '--detail-prompt',
  detailStrength: '--detail-strength',
} satisfies Partial<Record<keyof LookOptions, string>>;

/** Those that may be repeated. */
const LISTS_OF_A_MODEL = {
  embedding: '--embedding',
  lora: '--lora',
  control: '--control',
  promptAt: '--prompt-at',
  region: '--region',
  detail: '--detail',
} satisfies Partial<Record<keyof LookOptions, string>>;

/** Keys that are all the artist's own images are left as they are unless he says otherwise. */
export async function lookOf(
  options: LookOptions & Pick<RenderOptions, 'keys' | 'key' | 'reseed'>,
): Promise<RenderRequest['look']> {
  const { keys, key, reseed } = options;
  const given = givenFor(options);
  const ownKeys = keys !== undefined || (!reseed && key?.every(({ image }) => image !== null));
  if (given === null) return { kind: options.look ?? (ownKeys ? 'none' : USUAL_LOOK) };
  if (options.look !== undefined) throw new Failure('look-and-model', { look: options.look, option: given });
  if (keys !== undefined) throw new Failure('keys-and-model', { option: given });
  const store = new ModelStore(folders().data);
  try {
    return await diffusionLook(options, given, store);
  } finally {
    store.close();
  }
}

/** The first of the options that ask for a model; null: none does. */
function givenFor(options: LookOptions): string | null {
  if (options.model !== undefined) return '--model';
  for (const [name, option] of Object.entries(LISTS_OF_A_MODEL)) {
    if (options[name as keyof typeof LISTS_OF_A_MODEL].length > 0) return option;
  }
  const found = Object.entries(OF_A_MODEL).find(([name]) => options[name as keyof typeof OF_A_MODEL] !== undefined);
  return found?.[1] ?? null;
}

async function diffusionLook(options: LookOptions, given: string, store: ModelStore): Promise<DiffusionLook> {
  const shaped = options.regionGrow !== undefined || options.regionFeather !== undefined;
  if (shaped && options.region.length === 0) {
    throw new Failure('arguments-unusable', { reason: 'There are no regions to grow or feather.' });
  }
  const file = (name: string): Promise<string> => located(name, store);
  const model = options.model === undefined ? await onlyCheckpoint(given, store) : await file(options.model);
  const { identity } = await openModel(model);
  const { steps, guidance } = usualSampling(identity.variant);
  const controls: DiffusionLook['controls'] = [];
  for (const { kind, folder, net, weight, start, end } of options.control) {
    controls.push({
      file: net === null ? await netFor(kind, identity, store) : await file(net),
      map: folder === null ? await mapFor(kind, store) : { kind: 'images', folder: resolve(folder) },
      ...{ weight, start, end, guess: options.guess ?? false },
    });
  }
  const loras: DiffusionLook['loras'] = [];
  for (const { name, scale, textScale } of options.lora) loras.push({ file: await file(name), scale, textScale });
  const look: DiffusionLook = {
    kind: 'diffusion',
    model,
    vae: options.vae === undefined ? null : await file(options.vae),
    embeddings: await Promise.all(options.embedding.map(file)),
    prompt: options.prompt ?? '',
    prompts: promptsOf(options),
    regions: options.region.map(({ folder, prompt }) => ({ mask: maskIn(folder, options), prompt })),
    negative: options.negative ?? '',
    steps: options.steps ?? steps,
    guidance: options.guidance ?? guidance,
    strength: options.strength ?? 0.5,
    scheduler: options.scheduler ?? null,
    seed: options.seed ?? 0,
    noise: options.noise ?? 'still',
    clipSkip: options.clipSkip ?? 1,
    area: options.size ?? null,
    secondPass: options.secondPass ?? null,
    loras,
    motion: options.motion === undefined ? null : await file(options.motion),
    controls,
    consistency: options.consistency ?? USUAL_CONSISTENCY,
    details: options.detail.map((boxes) => detailOf(boxes, options)),
  };
  return withNamedLoras(look, async (name) => (await store.find(name)).path);
}

const promptsOf = ({ promptAt, fadePrompts }: LookOptions): DiffusionLook['prompts'] =>
  promptAt
    .map(({ frame, prompt }) => ({ frame, prompt, then: fadePrompts ? ('fade' as const) : ('hold' as const) }))
    .sort((a, b) => a.frame - b.frame);

const maskIn = (
  folder: string,
  { regionGrow: grow = 0, regionFeather: feather = 0 }: LookOptions,
): DiffusionLook['regions'][number]['mask'] => ({
  kind: 'images',
  folder: resolve(folder),
  channel: 'grey',
  ...{ grow, feather },
});

/** A detail fades out over a quarter of its box. */
function detailOf(
  given: DetailOption,
  { detailPrompt, detailStrength }: LookOptions,
): DiffusionLook['details'][number] {
  const boxes = [...given].sort((a, b) => a.frame - b.frame);
  const feather = Math.round(Math.min(...boxes.map(({ width, height }) => Math.min(width, height))) / 4);
  return { boxes, prompt: detailPrompt ?? null, strength: detailStrength ?? 0.4, feather: Math.min(feather, 512) };
}

/** The ControlNet for a kind of map, by its name. Failures: control-not-said. */
async function netFor(kind: ControlKind, { family }: Identity, store: ModelStore): Promise<string> {
  const fitting = (await store.list()).filter(
    ({ identity, name }) => identity?.kind === 'controlnet' && identity.family === family && isNetFor(kind, name),
  );
  const [only, another] = fitting;
  if (only && !another) return only.path;
  throw new Failure('control-not-said', { kind, names: fitting.map(({ name }) => name) });
}

/** Failures: annotator-missing, annotator-ambiguous. */
async function mapFor(kind: ControlKind, store: ModelStore): Promise<ControlMap> {
  const drawn = builtInMap(kind);
  if (drawn) return drawn;
  return { kind: 'annotator', file: await findAnnotator(kind, [store.folder, ...store.folders()]), steady: true };
}

/** A path, or the name of a model in the store. Failures: weights-missing, model-unknown, model-ambiguous. */
export async function located(name: string, store: ModelStore): Promise<string> {
  const path = resolve(name);
  if (await stat(path).catch(() => null)) return path;
  // What is written like a path is one.
  if (/[\\/]|\.safetensors$/i.test(name)) {
    const known = await store.find(name).catch(() => null);
    if (!known) throw new Failure('weights-missing', { path });
    return known.path;
  }
  return (await store.find(name)).path;
}

/** The model to paint with when none was named: the only one there is. */
async function onlyCheckpoint(option: string, store: ModelStore): Promise<string> {
  const names: string[] = [];
  const paths: string[] = [];
  for (const { identity, name, path } of await store.list()) {
    if (identity?.kind !== 'checkpoint') continue;
    names.push(name);
    paths.push(path);
  }
  const [only, another] = paths;
  if (only === undefined || another !== undefined) throw new Failure('model-not-said', { option, names });
  return only;
}
