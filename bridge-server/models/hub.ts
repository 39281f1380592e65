import { z } from 'zod';
import { Failure } from '../errors.ts';
import { COMPONENTS } from '../weights/folder.ts';
import { type Network, openUrl } from './request.ts';

/** Where repositories (owner/name) are. */
export const HUB = 'https://huggingface.co';

/** A file of a repository. The hub states the SHA-256 of files that it stores as large ones, which weights always are. */
export type HubFile = {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string | null;
};

const listingSchema = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.int().nonnegative().default(0),
    lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/) }).nullish(),
  }),
);

/** A listing is some hundred bytes a file. */
const LISTING_BYTES = 8e6;

/** Names that can be used as paths on every system, and lead nowhere else. */
const PLAIN_PATH = /^(?!.*(^|\/)\.)[\w.+ ()-]+(\/[\w.+ ()-]+)*$/;

/** Files of the newest version of a repository. Failures: those of openUrl, download-interrupted, repository-unreadable. */
export async function listRepository(
  repository: string,
  hub: string,
  network: Network,
  signal: AbortSignal,
): Promise<readonly HubFile[]> {
  const url = `${hub}/api/models/${repository}/tree/main?recursive=true`;
  try {
    const { status, body } = await openUrl(url, { accept: 'application/json' }, network, signal);
    try {
      if (status !== 200) throw unreadable(repository, wordsFor(status));
      return filesIn(await readText(body, repository), repository);
    } finally {
      body.destroy();
    }
  } catch (error) {
    if (signal.aborted) throw new Failure('cancelled', undefined, error);
    if (error instanceof Failure) throw error;
    throw new Failure('download-interrupted', { url, reason: (error as Error).message }, error);
  }
}

const unreadable = (repository: string, reason: string): Failure =>
  new Failure('repository-unreadable', { repository, reason });

const wordsFor = (status: number): string =>
  status === 401 || status === 403 || status === 404
    ? 'there is no such repository, or it wants you to sign in'
    : `the hub answers with status ${status}`;

async function readText(body: AsyncIterable<unknown>, repository: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LISTING_BYTES) throw unreadable(repository, 'it is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function filesIn(text: string, repository: string): readonly HubFile[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw unreadable(repository, 'it is not what was expected');
  }
  const { data } = listingSchema.safeParse(json);
  if (!data) throw unreadable(repository, 'it is not what was expected');
  return data
    .filter(({ type, path }) => type === 'file' && PLAIN_PATH.test(path))
    .map(({ path, size, lfs }) => ({ path, bytes: size, sha256: lfs?.oid ?? null }));
}

/** Where a file of a repository is downloaded from. */
export const fileUrl = (hub: string, repository: string, path: string): string =>
  `${hub}/${repository}/resolve/main/${path.split('/').map(encodeURIComponent).join('/')}`;

/** What people copy from the browser is often the page about a file; this is the file. */
export const withoutPage = (url: string, hub: string): string =>
  url.startsWith(`${hub}/`) ? url.replace(/^(https:\/\/[^/]+\/[^/]+\/[^/]+)\/blob\//, '$1/resolve/') : url;

export type Choice =
  { readonly kind: 'file'; readonly file: HubFile } | { readonly kind: 'folder'; readonly files: readonly HubFile[] };

/**
 * What to take of a repository: the file that is asked for, its only .safetensors file, or else the model in folders as
 * diffusers lays them out. Failures: repository-without-weights, repository-ambiguous, repository-unreadable.
 */
export function chooseFiles(repository: string, files: readonly HubFile[], asked: string | null): Choice {
  if (asked !== null) {
    const file = files.find(({ path }) => path === asked);
    if (!file) throw unreadable(repository, `it has no file ${asked}`);
    return { kind: 'file', file };
  }
  const checkpoints = files.filter(({ path }) => /^[^/]+\.safetensors$/i.test(path));
  const [only, another] = checkpoints;
  if (only && !another) return { kind: 'file', file: only };
  const folder = diffusersFiles(files);
  if (folder) return { kind: 'folder', files: folder };
  if (another) throw new Failure('repository-ambiguous', { repository, files: checkpoints.map(({ path }) => path) });
  const pickles = files.some(({ path }) => /\.(ckpt|pt|pth|bin)$/i.test(path));
  throw new Failure('repository-without-weights', { repository, pickles });
}

/** Half precision is what everybody runs, at half the size. */
const COMPONENT_WEIGHTS = [
  /^(diffusion_pytorch_model|model)\.fp16\.safetensors$/,
  /^(diffusion_pytorch_model|model)\.safetensors$/,
  /^(diffusion_pytorch_model|model)(\.safetensors\.index\.json|-\d+-of-\d+\.safetensors)$/,
];

/** Small files beside the weights: configurations, the tokenizers' vocabularies. */
const BESIDE = /^((scheduler|tokenizer|tokenizer_2)\/[^/]+\.(json|txt)|model_index\.json)$/;

/** null when a repository is not laid out like that, or a network is there only as a pickle. */
function diffusersFiles(files: readonly HubFile[]): readonly HubFile[] | null {
  if (!files.some(({ path }) => path === 'model_index.json')) return null;
  const chosen = files.filter(({ path }) => BESIDE.test(path));
  for (const folder of new Set(COMPONENTS.map((component) => component.folder))) {
    const own = files.filter(({ path }) => path.startsWith(`${folder}/`));
    if (own.length === 0) continue;
    const named = (pattern: RegExp): readonly HubFile[] =>
      own.filter(({ path }) => pattern.test(path.slice(folder.length + 1)));
    const weights = COMPONENT_WEIGHTS.map(named).find((found) => found.length > 0);
    if (!weights) return null;
    chosen.push(...named(/^config\.json$/), ...weights);
  }
  return chosen.some(({ path }) => path.startsWith('unet/')) ? chosen : null;
}
