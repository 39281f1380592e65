import path from 'node:path';
import { Failure } from '../errors.ts';
import type { Family } from './family.ts';
import { COMPONENTS, describes, isFolder, type Json, openComponent, readConfig } from './folder.ts';
import { identifyFile, type Identity, identityOf } from './identify.ts';
import type { Kind } from './kind-names.ts';
import type { Change } from './lora.ts';
import { type PartKind, partsOf, type Weights } from './parts.ts';
import { openSafetensors, type Safetensors } from './safetensors.ts';

/**
 * One network's weights, and its config.json when there is one. `path` is what to name in a message. `changes` is what LoRA
 * files add to weights, by the tensors' names (see withLoras); a file as it is opened has none.
 */
export type Part = {
  readonly kind: PartKind;
  readonly path: string;
  readonly family: Family | null;
  readonly weights: Weights;
  readonly config: Json | null;
  readonly changes: ReadonlyMap<string, readonly Change[]>;
};

const NO_CHANGES: Part['changes'] = new Map();

/** A model as it is opened: only headers have been read. */
export type Model = {
  readonly path: string;
  readonly identity: Identity;
  readonly parts: Readonly<Partial<Record<PartKind, Part>>>;
  /** The diffusers folder (for its tokenizer); null for a single file. */
  readonly folder: string | null;
  /** scheduler/scheduler_config.json of the folder. */
  readonly scheduler: Json | null;
};

/**
 * Opens a .safetensors file, or a folder as diffusers lays them out (a whole pipeline or one component). `configs` is a
 * folder with the config.json files of a pipeline, for a single file whose head counts are not its family's; without it
 * they are looked for beside the file.
 */
export async function openModel(location: string, options: { configs?: string } = {}): Promise<Model> {
  const absolute = path.resolve(location);
  return (await isFolder(absolute)) ? openFolder(absolute) : openFile(absolute, options.configs);
}

/** What a file or folder is; see openModel. */
export const identify = async (location: string): Promise<Identity> => (await openModel(location)).identity;

/** A part that the caller cannot do without. Failure: weights-part. */
export function requirePart(model: Model, part: PartKind): Part {
  const found = model.parts[part];
  if (!found) throw new Failure('weights-part', { path: model.path, part: PART_NAMES[part] });
  return found;
}

export const PART_NAMES: Readonly<Record<PartKind, string>> = {
  unet: 'U-Net',
  vae: 'VAE',
  textEncoder: 'text encoder',
  textEncoder2: 'second text encoder',
  controlnet: 'ControlNet',
  motion: 'motion module',
  taesd: 'TAESD',
};

async function openFile(file: string, configs?: string): Promise<Model> {
  const opened = await openSafetensors(file);
  const identity = await identifyFile(opened);
  const parts: Partial<Record<PartKind, Part>> = {};
  for (const [kind, weights] of partsOf([opened])) {
    const config = await configFor(kind, file, configs);
    parts[kind] = { kind, path: file, family: identity.family, weights, config, changes: NO_CHANGES };
  }
  return { path: file, identity, parts, folder: null, scheduler: null };
}

/** The config.json of a part: in the folder of configurations, in one named like the file, or right beside the file. */
async function configFor(part: PartKind, file: string, configs?: string): Promise<Json | null> {
  const folder = COMPONENTS.find((component) => component.part === part)?.folder ?? part;
  const named = file.replace(/\.safetensors$/i, '');
  const places = configs
    ? [path.join(configs, folder, 'config.json')]
    : [
        ...(named === file ? [] : [path.join(named, folder, 'config.json')]),
        path.join(path.dirname(file), folder, 'config.json'),
        path.join(path.dirname(file), 'config.json'),
      ];
  for (const place of places) {
    const config = await readConfig(place);
    if (config && describes(config, part)) return config;
  }
  return null;
}

/** A pipeline's folder has one folder for each part; any other is taken for one part's own. */
async function openFolder(folder: string): Promise<Model> {
  const opened: OpenedPart[] = [];
  for (const name of FOLDERS) opened.push(...(await openParts(path.join(folder, name), name === 'text_encoder_2')));
  if (opened.length === 0) opened.push(...(await openParts(folder, false)));
  const [first] = opened;
  if (!first) throw new Failure('weights-missing', { path: folder });
  const weights = new Map(opened.map((part) => [part.kind, part.weights]));
  const files = [...new Set(opened.flatMap((part) => part.files))];
  const kind = opened.length > 1 ? 'checkpoint' : KINDS[first.kind];
  const identity = await identityOf(folder, kind, weights, files);
  const parts: Partial<Record<PartKind, Part>> = {};
  for (const { kind, path, weights, config } of opened) {
    parts[kind] = { kind, path, family: identity.family, weights, config, changes: NO_CHANGES };
  }
  const scheduler = await readConfig(path.join(folder, 'scheduler', 'scheduler_config.json'));
  return { path: folder, identity, parts, folder, scheduler };
}

type OpenedPart = Omit<Part, 'family' | 'changes'> & { readonly files: readonly Safetensors[] };

const FOLDERS = [...new Set(COMPONENTS.map(({ folder }) => folder))];

const KINDS: Readonly<Record<PartKind, Kind>> = {
  unet: 'unet',
  vae: 'vae',
  textEncoder: 'text-encoder',
  textEncoder2: 'text-encoder',
  controlnet: 'controlnet',
  motion: 'motion-module',
  taesd: 'taesd',
};

/** The parts in one component's folder. Both text encoders have the same names; only the folder tells the second. */
async function openParts(folder: string, isSecondEncoder: boolean): Promise<OpenedPart[]> {
  const files = await openComponent(folder);
  const config = await readConfig(path.join(folder, 'config.json'));
  return [...partsOf(files)].map(([part, weights]) => ({
    kind: part === 'textEncoder' && isSecondEncoder ? 'textEncoder2' : part,
    path: files[0]?.path ?? folder,
    weights,
    config: config && describes(config, part) ? config : null,
    files,
  }));
}
