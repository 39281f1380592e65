import { lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Failure } from '../errors.ts';
import type { ControlMap } from '../protocol/control-map.ts';
import type { MaskRequest } from '../protocol/mask.ts';
import { workFolderBeside } from '../jobs/training.ts';
import type { ChosenKeys, DiffusionLook, RenderRequest } from '../protocol/request.ts';
import type { TrainRequest } from '../protocol/train-request.ts';

/** Where a job that came over a socket may read and write. All real paths: absolute, no symbolic link on the way. */
export type Bounds = {
  /** What the user allowed. */
  readonly roots: readonly string[];
  /** The bridge's own folders, closed even when a root contains them. */
  readonly closed: readonly string[];
  /** Models that the user keeps, wherever they lie: to be read, and only as models. Asked for when a request names some. */
  readonly models: () => Promise<readonly string[]>;
};

/**
 * The same request with real paths, or a Failure: every input and output must lie within the bounds once all links are followed,
 * and so must what the links inside an input folder point to. Whether anything is there is for the job to find out.
 */
export async function confine(request: RenderRequest, bounds: Bounds): Promise<RenderRequest> {
  const inside = await confineInputs(request, bounds);
  const { output } = request;
  const target = (path: string): Promise<string> => confineOutput(path, bounds);
  return {
    ...inside,
    output:
      output.kind === 'movie'
        ? { ...output, path: await target(output.path) }
        : { ...output, folder: await target(output.folder) },
  };
}

/**
 * The same, of a training. Its working folder lies beside a LoRA that becomes a file: that folder must lie within the bounds, too,
 * with what the links in it lead to.
 */
export async function confineTraining(request: TrainRequest, bounds: Bounds): Promise<TrainRequest> {
  const { output, prior } = request;
  return {
    ...request,
    clips: await confineClips(request.clips, bounds),
    model: await confineModel(request.model, bounds),
    prior: prior && { ...prior, folder: await confineInput(prior.folder, bounds) },
    output: output.kind === 'file' ? { ...output, path: await confineTrained(output.path, bounds) } : output,
  };
}

export async function confineClips(clips: TrainRequest['clips'], bounds: Bounds): Promise<TrainRequest['clips']> {
  return await Promise.all(
    clips.map(async ({ source, subject }) => ({
      source: await confineSource(source, bounds),
      subject: subject.kind === 'mask' ? { ...subject, mask: await confineMask(subject.mask, bounds) } : subject,
    })),
  );
}

async function confineTrained(path: string, bounds: Bounds): Promise<string> {
  const real = await confineOutput(path, bounds);
  const folder = await confineOutput(workFolderBeside(real), bounds);
  await confineLinks(folder, () => true, bounds);
  return real;
}

/** The same, of what its keys are shown from. */
export async function confineShown({ source, keys }: RenderRequest, bounds: Bounds): Promise<void> {
  await confineSource(source, bounds);
  await confineKeys(keys, bounds);
}

async function confineInputs(request: RenderRequest, bounds: Bounds): Promise<RenderRequest> {
  const { source, keys, look, mask } = request;
  return {
    ...request,
    source: await confineSource(source, bounds),
    keys: await confineKeys(keys, bounds),
    look: look.kind === 'diffusion' ? await confineLook(look, bounds) : look,
    mask: mask && (await confineMask(mask, bounds)),
  };
}

export async function confineSource(source: RenderRequest['source'], bounds: Bounds): Promise<RenderRequest['source']> {
  return { ...source, path: await confineInput(source.path, bounds) };
}

async function confineKeys(keys: RenderRequest['keys'], bounds: Bounds): Promise<RenderRequest['keys']> {
  if (keys.kind === 'images') return { ...keys, folder: await confineInput(keys.folder, bounds) };
  if (keys.kind !== 'chosen') return keys;
  const confined: ChosenKeys = [];
  for (const { frame, picture } of keys.keys) {
    const path = picture.kind === 'image' ? await confineInput(picture.path, bounds) : null;
    confined.push({ frame, picture: path === null ? picture : { kind: 'image', path } });
  }
  return { ...keys, keys: confined };
}

async function confineLook(look: DiffusionLook, bounds: Bounds): Promise<DiffusionLook> {
  const model = (path: string): Promise<string> => confineModel(path, bounds);
  return {
    ...look,
    model: await model(look.model),
    vae: look.vae === null ? null : await model(look.vae),
    motion: look.motion === null ? null : await model(look.motion),
    embeddings: await Promise.all(look.embeddings.map(model)),
    loras: await Promise.all(look.loras.map(async (lora) => ({ ...lora, file: await model(lora.file) }))),
    controls: await Promise.all(
      look.controls.map(async (control) => ({
        ...control,
        file: await model(control.file),
        map: await confineMap(control.map, bounds),
      })),
    ),
    regions: await Promise.all(
      look.regions.map(async (region) => ({ ...region, mask: await confineMask(region.mask, bounds) })),
    ),
  };
}

const VERSION = '{version}';

/** One path that is read, with all that links in it point to. */
export async function confineInput(path: string, bounds: Bounds): Promise<string> {
  const real = await confinePath(path, bounds);
  await confineLinks(real, () => true, bounds);
  return real;
}

const confineMask = async (mask: MaskRequest, bounds: Bounds): Promise<MaskRequest> =>
  mask.kind === 'images' ? { ...mask, folder: await confineInput(mask.folder, bounds) } : mask;

export async function confineMap(map: ControlMap, bounds: Bounds): Promise<ControlMap> {
  if (map.kind === 'images') return { ...map, folder: await confineInput(map.folder, bounds) };
  return map.kind === 'annotator' ? { ...map, file: await confineModel(map.file, bounds) } : map;
}

/** A file or folder of weights: one that the user keeps as a model, or one within the roots like everything else. */
export async function confineModel(path: string, bounds: Bounds): Promise<string> {
  if (isPlain(path)) {
    const real = await realTarget(resolve(path));
    if (real !== null && (await bounds.models()).includes(real)) return real;
  }
  const real = await confineInput(path, bounds);
  // A model's networks lie in folders of their own.
  const entries = await readdir(real, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory()) await confineLinks(join(real, entry.name), () => true, bounds);
  }
  return real;
}

/** `{version}` is filled in later: no name that it may then become may be a link out of the bounds. */
async function confineOutput(path: string, bounds: Bounds): Promise<string> {
  const real = await confinePath(path, bounds);
  if (!real.includes(VERSION)) return real;
  if (dirname(real).includes(VERSION)) {
    throw new Failure('path-unusable', { path, reason: '{version} belongs in its last name' });
  }
  const name = basename(real);
  const before = name.slice(0, name.indexOf(VERSION));
  const after = name.slice(name.lastIndexOf(VERSION) + VERSION.length);
  const itself = (entry: string): boolean => entry.startsWith(before) && entry.endsWith(after);
  await confineLinks(dirname(real), itself, bounds);
  return real;
}

/** Tells of nothing outside the bounds, not even whether it is there. */
async function confinePath(path: string, bounds: Bounds): Promise<string> {
  if (!isPlain(path)) {
    throw new Failure('path-unusable', { path, reason: 'it is not a plain absolute path' });
  }
  // Made plain first: with a slash after it, even a dangling link looks like nothing at all.
  const real = await realTarget(resolve(path));
  if (real === null || !within(bounds, real)) throw new Failure('path-outside-roots', { path });
  return real;
}

function isPlain(path: string): boolean {
  // `..` after a link means another folder to the system than it does to us.
  const dots = path.split(/[\\/]/).includes('..');
  return isAbsolute(path) && !dots && !path.includes('\0') && !(process.platform === 'win32' && windowsTrap(path));
}

/** The real path of the nearest ancestor that exists, and the rest as given; null where a link leads nowhere or in a circle. */
async function realTarget(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return null;
  }
  // A dangling link: writing to it would make what it points to.
  if (await lstat(path).catch(() => null)) return null;
  const parent = dirname(path);
  if (parent === path) return null;
  const real = await realTarget(parent);
  return real === null ? null : join(real, basename(path));
}

/** What the links among a folder's entries point to; nothing to do where there is no folder. */
async function confineLinks(folder: string, concerns: (name: string) => boolean, bounds: Bounds): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  for (const entry of entries) {
    if (!entry.isSymbolicLink() || !concerns(entry.name)) continue;
    const path = join(folder, entry.name);
    const target = await realpath(path).catch(() => null);
    if (target === null || !within(bounds, target)) throw new Failure('path-outside-roots', { path });
  }
}

/** Of a real path. */
export const within = ({ roots, closed }: Pick<Bounds, 'roots' | 'closed'>, real: string): boolean =>
  roots.some((root) => contains(root, real)) && !closed.some((folder) => contains(folder, real));

/** Both real paths. A folder contains itself. */
export function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * Whether Windows would take this for something other than the file of that name: a device, a stream of another file, a name
 * that loses its trailing dots and spaces, or a path that is passed through unparsed.
 */
export function windowsTrap(path: string): boolean {
  if (/^[\\/]{2}[?.]/.test(path)) return true;
  const [, ...names] = path.split(/[\\/]/);
  return names.some(
    (name) =>
      /[. ]$/.test(name) ||
      /[:<>"|?*]/.test(name) ||
      /^(con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])(\..*)?$/i.test(name),
  );
}
