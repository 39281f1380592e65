import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { Failure } from '../errors.ts';
import type { PartKind } from './parts.ts';
import { openSafetensors, type Safetensors } from './safetensors.ts';

export type Json = Readonly<Record<string, unknown>>;

/** Where diffusers keeps each part of a model, and the classes that its config.json may name. */
export const COMPONENTS: readonly { readonly part: PartKind; readonly folder: string; readonly classes: RegExp }[] = [
  { part: 'unet', folder: 'unet', classes: /^UNet2DConditionModel$/ },
  { part: 'vae', folder: 'vae', classes: /^AutoencoderKL$/ },
  { part: 'textEncoder', folder: 'text_encoder', classes: /^CLIPTextModel/ },
  { part: 'textEncoder2', folder: 'text_encoder_2', classes: /^CLIPTextModel/ },
  { part: 'controlnet', folder: 'controlnet', classes: /^ControlNetModel$/ },
  { part: 'motion', folder: 'motion_adapter', classes: /^MotionAdapter$/ },
  { part: 'taesd', folder: 'vae', classes: /^AutoencoderTiny$/ },
];

/** Files that hold a component's weights, in the order of preference; the sharded ones are named by an index. */
const WEIGHT_FILES = [
  'diffusion_pytorch_model.safetensors',
  'model.safetensors',
  'diffusion_pytorch_model.safetensors.index.json',
  'model.safetensors.index.json',
  'diffusion_pytorch_model.fp16.safetensors',
  'model.fp16.safetensors',
];

/**
 * The weight files of one component folder; empty when it has none. A folder that has only pickles is refused like a pickle.
 * Failures: weights-pickle, weights-config (a shard index that cannot be used), those of openSafetensors.
 */
export async function openComponent(folder: string): Promise<Safetensors[]> {
  const names = await listFolder(folder);
  const found = WEIGHT_FILES.find((name) => names.includes(name));
  if (found?.endsWith('.index.json')) {
    const shards = await shardsOf(path.join(folder, found));
    return Promise.all(shards.map((name) => openSafetensors(path.join(folder, name))));
  }
  if (found) return [await openSafetensors(path.join(folder, found))];
  const pickle = names.find((name) => /\.(bin|ckpt|pt|pth)$/.test(name));
  if (pickle) throw new Failure('weights-pickle', { path: path.join(folder, pickle) });
  return [];
}

/** A JSON object from a file; null when there is no such file. Failure: weights-config. */
export async function readConfig(file: string): Promise<Json | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return null;
  }
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json;
  } catch (error) {
    throw new Failure('weights-config', { path: file, reason: 'it is not JSON' }, error);
  }
  throw new Failure('weights-config', { path: file, reason: 'it is not a table' });
}

/** Whether a config.json describes this part (a folder of models may hold one that belongs to something else). */
export function describes(config: Json, part: PartKind): boolean {
  const { _class_name: own, architectures } = config;
  const classes = [own, ...(Array.isArray(architectures) ? (architectures as unknown[]) : [])];
  const component = COMPONENTS.find((row) => row.part === part);
  return classes.some((name) => typeof name === 'string' && component?.classes.test(name) === true);
}

export const isFolder = async (file: string): Promise<boolean> =>
  (await stat(file).catch(() => null))?.isDirectory() ?? false;

async function listFolder(folder: string): Promise<string[]> {
  return (await isFolder(folder)) ? (await readdir(folder)).sort() : [];
}

async function shardsOf(index: string): Promise<string[]> {
  const map = (await readConfig(index))?.['weight_map'];
  if (typeof map !== 'object' || map === null) {
    throw new Failure('weights-config', { path: index, reason: 'it has no weight_map' });
  }
  const names = [...new Set(Object.values(map))];
  if (names.length === 0 || !names.every((name) => typeof name === 'string' && path.basename(name) === name)) {
    throw new Failure('weights-config', { path: index, reason: 'its weight_map names files outside its folder' });
  }
  return names as string[];
}
