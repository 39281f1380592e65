import { constants, copyFile, link, mkdir, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { asFailure, Failure } from '../errors.ts';
import type { Report } from '../progress.ts';
import { VERSION } from '../version.ts';
import type { Identity } from '../weights/identify.ts';
import { identify } from '../weights/model.ts';
import { openSafetensors } from '../weights/safetensors.ts';
import { trainingOf } from '../weights/training.ts';
import { CATALOGUE } from './catalogue.ts';
import { download, type Means } from './download.ts';
import { chooseFiles, fileUrl, type HubFile, listRepository, withoutPage } from './hub.ts';
import { type Place, Registry, REGISTRY_FILE } from './registry.ts';
import { secureUrl, shown } from './request.ts';
import { filesOf, findModels } from './scan.ts';
import { sha256File } from './sha256.ts';

/** Where models lie that were trained here, in the store's own folder. */
const TRAINED = 'trained';
/** Raise it when more is told of a model, so that it is told anew. */
const TOLD = 2;

export type Refusal = { readonly code: string; readonly message: string; readonly remedy: string };

export type StoredModel = {
  readonly path: string;
  /** Short, for people: the path within the folder where it was found. */
  readonly name: string;
  /** Downloaded or trained by us; registered by its path; or found in the folder `folder`. */
  readonly origin: Place['kind'];
  readonly folder: string | null;
  readonly bytes: number;
  /** What it is, or why it cannot be used. */
  readonly identity: Identity | null;
  /** Of a LoRA, the word that calls up what it was trained on, where its file tells. */
  readonly trigger: string | null;
  readonly refusal: Refusal | null;
};

export type Verdict = {
  readonly path: string;
  /** 'recorded': nothing was known of it before; from now on it is. */
  readonly state: 'unchanged' | 'recorded' | 'changed' | 'truncated' | 'damaged' | 'missing';
};

/** What adding may need; `offline` forbids all downloads, `hub` is where repositories are. */
export type Adding = Means & { readonly offline: boolean; readonly hub: string; readonly sha256: string | null };

/** The models that this install knows: its own folder, `models` in the data folder, and what the user registered. */
export class ModelStore {
  readonly folder: string;
  readonly #registry: Registry;

  /** Throws Failure 'models-unusable'. */
  constructor(dataFolder: string) {
    this.folder = join(dataFolder, 'models');
    this.#registry = new Registry(join(dataFolder, REGISTRY_FILE));
  }

  close(): void {
    this.#registry.close();
  }

  /** Folders that the user registered. */
  folders(): readonly string[] {
    return this.#registry.places().flatMap(({ kind, path }) => (kind === 'folder' ? [path] : []));
  }

  /** Every model once, by where it is known from first: downloads, registered files, then what lies in the folders. */
  async list(): Promise<readonly StoredModel[]> {
    const models = new Map<string, StoredModel>();
    for (const { path, kind } of this.#registry.places()) {
      if (kind === 'folder') continue;
      const name = kind === 'download' ? relative(this.folder, path) : basename(path);
      models.set(path, await this.#described(path, name, kind, null));
    }
    for (const folder of [this.folder, ...this.folders()]) {
      for (const path of await findModels(folder)) {
        if (models.has(path)) continue;
        models.set(path, await this.#described(path, relative(folder, path) || basename(path), 'folder', folder));
      }
    }
    return [...models.values()];
  }

  /** The real paths of all models, without telling what they are. */
  async paths(): Promise<readonly string[]> {
    const own = this.#registry.places().flatMap(({ path, kind }) => (kind === 'folder' ? [] : [path]));
    const found = await Promise.all([this.folder, ...this.folders()].map(findModels));
    const real = await Promise.all([...own, ...found.flat()].map((path) => realpath(path).catch(() => null)));
    return real.filter((path) => path !== null);
  }

  /** The model with that path, name, or file name with or without its extension. Failures: model-unknown, model-ambiguous. */
  async find(name: string): Promise<StoredModel> {
    const models = await this.list();
    const stem = (text: string): string => text.replace(/\.(safetensors|ckpt)$/i, '').replaceAll('\\', '/');
    const meanings: ((model: StoredModel) => boolean)[] = [
      ({ path }) => path === resolve(name),
      (model) => stem(model.name) === stem(name),
      (model) => stem(basename(model.path)) === stem(name),
    ];
    for (const means of meanings) {
      const [first, ...others] = models.filter(means);
      if (first && others.length === 0) return first;
      if (first) throw new Failure('model-ambiguous', { name, paths: [first, ...others].map(({ path }) => path) });
    }
    throw new Failure('model-unknown', { name });
  }

  /**
   * Registers a file or folder where it is, or downloads from an https address, a repository (owner/name, or owner/name/file)
   * or the catalogue. Resolves with the path that is now known. Failures: those of identify for a single file and every
   * download, of download, listRepository and chooseFiles; model-source-unknown, model-there, model-hash, download-offline.
   */
  async add(source: string, adding: Adding): Promise<string> {
    const there = await stat(source).catch(() => null);
    return there ? this.register(await realpath(source), adding) : this.fetch(source, adding);
  }

  /** The same, of what is not on this machine. */
  async fetch(source: string, adding: Adding): Promise<string> {
    const listed = CATALOGUE.find(({ name }) => name === source.toLowerCase());
    const [, repository = null, file = null] = listed
      ? [null, listed.repository, listed.file]
      : (/^([\w-][\w.-]*\/[\w-][\w.-]*)(?:\/(.+))?$/.exec(source) ?? []);
    if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(source) && repository === null) {
      throw new Failure('model-source-unknown', { source });
    }
    if (adding.offline) throw new Failure('download-offline', { url: source });
    await mkdir(this.folder, { recursive: true });
    if (repository === null) return this.#downloadUrl(withoutPage(source, adding.hub), adding);
    const files = await listRepository(repository, adding.hub, adding.network, adding.signal);
    const choice = chooseFiles(repository, files, file);
    return choice.kind === 'file'
      ? this.#downloadModel(
          fileUrl(adding.hub, repository, choice.file.path),
          join(this.folder, repository, choice.file.path),
          choice.file,
          adding,
        )
      : this.#downloadFolder(repository, choice.files, adding);
  }

  /** The same, of a real path. */
  async register(path: string, { sha256, signal }: Pick<Adding, 'sha256' | 'signal'>): Promise<string> {
    if ((await stat(path)).isDirectory()) {
      refuseSum(sha256);
      this.#registry.keep({ path, kind: 'folder', url: null });
      return path;
    }
    await identify(path);
    const actual = sha256 === null ? null : await sha256File(path, signal);
    if (sha256 !== null && actual !== sha256) {
      throw new Failure('model-hash', { path, expected: sha256, actual: actual ?? '' });
    }
    this.#registry.keepSum(path, { bytes: (await stat(path)).size, sha256: actual });
    if (!path.startsWith(this.folder + sep)) this.#registry.keep({ path, kind: 'file', url: null });
    return path;
  }

  async #downloadUrl(source: string, adding: Adding): Promise<string> {
    const url = secureUrl(source);
    const target = join(this.folder, fileName(url.hostname), `${fileName(basename(url.pathname))}.safetensors`);
    return this.#downloadModel(source, target.replace(/(\.safetensors)+$/i, '.safetensors'), null, adding);
  }

  async #downloadModel(url: string, target: string, known: HubFile | null, adding: Adding): Promise<string> {
    const from = shown(new URL(url));
    const expected = adding.sha256 ?? known?.sha256 ?? null;
    if (await this.#have(target, from)) {
      const actual = this.#registry.sum(target)?.sha256;
      if (expected === null || expected === actual) return target;
      if (adding.sha256 === null) throw new Failure('model-there', { path: target });
      throw new Failure('model-hash', { path: target, expected, actual: actual ?? 'unknown' });
    }
    const bytes = known?.bytes ?? null;
    const sum = await download({ url, target, sha256: expected, bytes, accept: identify }, adding);
    this.#registry.keepSum(target, sum);
    this.#registry.keep({ path: target, kind: 'download', url: from });
    return target;
  }

  /** A model in folders gets its name when it has all its files; those that are there already are not fetched again. */
  async #downloadFolder(repository: string, files: readonly HubFile[], adding: Adding): Promise<string> {
    const target = join(this.folder, repository, 'diffusers');
    const from = `${adding.hub}/${repository}`;
    refuseSum(adding.sha256);
    if (await this.#have(target, from)) return target;
    const beside = `${target}.part`;
    const sums = new Map<string, { bytes: number; sha256: string }>();
    for (const { path, bytes, sha256 } of files) {
      const file = join(beside, path);
      const there = await stat(file).catch(() => null);
      const accept = async (part: string): Promise<unknown> =>
        path.endsWith('.safetensors') ? openSafetensors(part) : null;
      const kept = there && { bytes: there.size, sha256: await sha256File(file, adding.signal) };
      const sum =
        kept && kept.bytes === bytes && (sha256 === null || kept.sha256 === sha256)
          ? kept
          : await download({ url: fileUrl(adding.hub, repository, path), target: file, sha256, bytes, accept }, adding);
      sums.set(join(target, path), sum);
    }
    await identify(beside);
    await rename(beside, target);
    for (const [path, sum] of sums) this.#registry.keepSum(path, sum);
    this.#registry.keep({ path: target, kind: 'download', url: from });
    return target;
  }

  /** Failure 'model-there' when something else has that path. */
  async #have(target: string, url: string): Promise<boolean> {
    if (!(await stat(target).catch(() => null))) return false;
    const place = this.#registry.places().find(({ path }) => path === target);
    if (place?.url !== url) throw new Failure('model-there', { path: target });
    return true;
  }

  /**
   * Takes a LoRA that was trained here into the store, as NAME.safetensors, or NAME_v002.safetensors and so on where others have that
   * name: none is ever overwritten. Resolves with its path; the same file taken twice is one.
   */
  async keepTrained(file: string, name: string): Promise<string> {
    const folder = join(this.folder, TRAINED);
    await mkdir(folder, { recursive: true });
    const sum = { bytes: (await stat(file)).size, sha256: await sha256File(file, new AbortController().signal) };
    for (let version = 1; ; version++) {
      const path = join(
        folder,
        `${fileName(name)}${version === 1 ? '' : `_v${String(version).padStart(3, '0')}`}.safetensors`,
      );
      const isNew = await linked(file, path);
      if (!isNew && (await sha256File(path, new AbortController().signal)) !== sum.sha256) continue;
      this.#registry.keepSum(path, sum);
      this.#registry.keep({ path, kind: 'trained', url: null });
      await rm(file);
      return path;
    }
  }

  /** Compares models with what is recorded of them; without names, all. `report` tells the bytes of one file after another. */
  async verify(names: readonly string[], signal: AbortSignal, report: Report): Promise<readonly Verdict[]> {
    const models = names.length === 0 ? await this.list() : await Promise.all(names.map((name) => this.find(name)));
    const verdicts: Verdict[] = [];
    for (const { path } of models) verdicts.push({ path, state: await this.#verified(path, signal, report) });
    return verdicts;
  }

  async #verified(model: string, signal: AbortSignal, report: Report): Promise<Verdict['state']> {
    const files = await filesOf(model);
    if (files.length === 0 || this.#recordedIn(model).some((path) => !files.some((file) => file.path === path))) {
      return 'missing';
    }
    let state: Verdict['state'] = 'unchanged';
    for (const { path, bytes } of files) {
      const recorded = this.#registry.sum(path);
      if (recorded && bytes < recorded.bytes) return 'truncated';
      if (recorded && bytes > recorded.bytes) return 'changed';
      const sound = /\.safetensors$/i.test(path) ? await openSafetensors(path).catch(damaged) : true;
      const sha256 = await sha256File(path, signal, report, bytes);
      if (recorded?.sha256 && recorded.sha256 !== sha256) return 'changed';
      if (!sound) return 'damaged';
      if (recorded?.sha256) continue;
      this.#registry.keepSum(path, { bytes, sha256 });
      state = 'recorded';
    }
    return state;
  }

  /** Files of a model that are known to have been there. */
  #recordedIn(model: string): readonly string[] {
    return this.#registry.summed().filter((path) => path === model || path.startsWith(model + sep));
  }

  /**
   * Deletes what was downloaded or trained here, forgets a registered file or folder; unless `refuse` rejects for its real path.
   * Failures: those of find and of `refuse`, model-not-ours.
   */
  async remove(
    name: string,
    refuse: (path: string) => Promise<void>,
  ): Promise<{ readonly path: string; readonly deleted: boolean }> {
    const registered = this.folders().find((folder) => folder === resolve(name));
    const { path, origin, folder } =
      registered !== undefined ? { path: registered, origin: 'file', folder: null } : await this.find(name);
    if (origin === 'folder') throw new Failure('model-not-ours', { path, folder: folder ?? this.folder });
    await refuse(await realpath(path).catch(() => path));
    const deleted = origin === 'download' || origin === 'trained';
    if (deleted) await this.#deleteOwn(path);
    this.#registry.forget(path);
    for (const file of this.#recordedIn(path)) this.#registry.forgetSum(file);
    return { path, deleted };
  }

  /** And the folders above it that are empty then. */
  async #deleteOwn(path: string): Promise<void> {
    if (!path.startsWith(this.folder + sep)) throw new Failure('model-not-ours', { path, folder: dirname(path) });
    await rm(path, { recursive: true, force: true });
    try {
      for (let above = dirname(path); above !== this.folder; above = dirname(above)) await rmdir(above);
    } catch {
      // It is not empty, and so are those above it.
    }
  }

  /** What a model is, told anew only when its files have changed. */
  async #described(path: string, name: string, origin: Place['kind'], folder: string | null): Promise<StoredModel> {
    const files = await filesOf(path);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const stamp = [VERSION, TOLD, ...files.map((file) => `${file.path} ${file.bytes} ${file.modifiedMs}`)].join('\n');
    const kept = this.#registry.identity(path, stamp);
    const told = kept === null ? await tell(path) : (JSON.parse(kept) as Told);
    if (kept === null && files.length > 0) this.#registry.keepIdentity(path, stamp, JSON.stringify(told));
    return { path, name, origin, folder, bytes, ...told };
  }
}

type Told = Pick<StoredModel, 'identity' | 'refusal' | 'trigger'>;

async function tell(path: string): Promise<Told> {
  try {
    const identity = await identify(path);
    const words = identity.kind === 'lora' ? trainingOf((await openSafetensors(path)).metadata).triggerWords : [];
    return { identity, trigger: words[0] ?? null, refusal: null };
  } catch (error) {
    const { code, message, remedy } = asFailure(error);
    return { identity: null, trigger: null, refusal: { code, message, remedy } };
  }
}

/** Gives a file another name, too; false when something has that name. Where the disk knows no links, it is copied. */
async function linked(file: string, path: string): Promise<boolean> {
  const isTaken = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EEXIST';
  try {
    await link(file, path).catch((error: unknown) => {
      if (isTaken(error)) throw error;
      return copyFile(file, path, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    if (!isTaken(error)) throw error;
    return false;
  }
}

function refuseSum(sha256: string | null): void {
  if (sha256 === null) return;
  throw new Failure('arguments-unusable', {
    reason: 'A checksum can be demanded of a single file only, not of a folder.',
  });
}

/** A file that has the wrong content is told as such; what else goes wrong is not the file's fault. */
function damaged(error: unknown): false {
  if (asFailure(error).code.startsWith('weights-')) return false;
  throw error;
}

/** What file systems take is 255, with what is put behind a name. */
const NAME_BYTES = 200;

/** A name that every file system takes, made of what stands in an address. */
function fileName(text: string): string {
  let plain = text;
  try {
    plain = decodeURIComponent(text);
  } catch {
    // It is used as it is, then.
  }
  const letters = [
    ...plain
      .normalize('NFC')
      .replace(/[^\p{L}\p{M}\p{N}_.+()-]+/gu, '_')
      .replace(/^[._]+|[. ]+$/g, ''),
  ];
  while (Buffer.byteLength(letters.join('')) > NAME_BYTES) letters.pop();
  const safe = letters.join('').replace(/\.+$/, '');
  return !safe || /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(safe) ? `model_${safe}` : safe;
}
