import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { Failure } from '../errors.ts';
import { freeBytes } from '../jobs/eviction.ts';
import { foreignFormat } from '../weights/foreign.ts';
import { Broken, type Network, openUrl, type Reply } from './request.ts';
import { sha256File } from './sha256.ts';

export type Wanted = {
  readonly url: string;
  /** Absolute path of the finished file. Until then it is at `target` + '.part'. */
  readonly target: string;
  /** Lower-case hex, and bytes, when they are known beforehand. */
  readonly sha256: string | null;
  readonly bytes: number | null;
  /** Looks at the complete file before it gets its name; throws to refuse it. */
  readonly accept: (path: string) => Promise<unknown>;
};

export type DownloadProgress = {
  readonly url: string;
  readonly doneBytes: number;
  /** null while the server does not say. */
  readonly totalBytes: number | null;
  readonly bytesPerSecond: number;
  readonly secondsLeft: number | null;
};

export type Means = {
  readonly network: Network;
  readonly signal: AbortSignal;
  readonly report: (progress: DownloadProgress) => void;
  readonly maximumBytes?: number;
  /** How long a server may be silent. */
  readonly silenceMs?: number;
  /** The pause before the second attempt; it doubles from one to the next. */
  readonly pauseMs?: number;
};

/** The largest checkpoints of the families that run here have 14 GB. */
const MAXIMUM_BYTES = 50e9;
const SILENCE_MS = 30_000;
const PAUSE_MS = 1000;
/** Attempts in a row that bring less than a megabyte. */
const ATTEMPTS = 5;
const WORTH_BYTES = 1e6;
/** What other programs shall still be able to write. */
const SPARE_DISK_BYTES = 200e6;

/**
 * Downloads a file, going on where an earlier attempt stopped, and gives it its name only when it is complete and accepted.
 * Failures: cancelled, model-hash, disk-full, those of openUrl, download-refused, -interrupted, -too-large, -length and
 * -disk-small, and what `accept` throws. What can be continued is kept as .part; what is wrong is deleted.
 */
export async function download(wanted: Wanted, means: Means): Promise<{ sha256: string; bytes: number }> {
  const { target, sha256: expected } = wanted;
  await mkdir(dirname(target), { recursive: true });
  await fetchAll(wanted, means);
  const part = partOf(target);
  try {
    const sha256 = await sha256File(part, means.signal);
    if (expected !== null && sha256 !== expected) {
      throw new Failure('model-hash', { path: wanted.url, expected, actual: sha256 });
    }
    await wanted.accept(part);
    const { size: bytes } = await stat(part);
    await rename(part, target);
    await rm(recordOf(target), { force: true });
    return { sha256, bytes };
  } catch (error) {
    if (!means.signal.aborted) await discard(target);
    throw error;
  }
}

const partOf = (target: string): string => `${target}.part`;
const recordOf = (target: string): string => `${target}.part.json`;

async function discard(target: string): Promise<void> {
  await rm(partOf(target), { force: true });
  await rm(recordOf(target), { force: true });
}

/** Attempt after attempt until the .part is complete. */
async function fetchAll(wanted: Wanted, means: Means): Promise<void> {
  const { signal, pauseMs = PAUSE_MS } = means;
  for (let failed = 0; ;) {
    const before = await sizeOf(partOf(wanted.target));
    try {
      return await fetchRest(wanted, means);
    } catch (error) {
      if (signal.aborted) throw new Failure('cancelled', undefined, error);
      if (!(error instanceof Broken)) throw error;
      failed = (await sizeOf(partOf(wanted.target))) - before >= WORTH_BYTES ? 1 : failed + 1;
      if (failed >= ATTEMPTS) {
        throw new Failure('download-interrupted', { url: wanted.url, reason: error.message }, error);
      }
      await sleep(pauseMs * 2 ** (failed - 1), undefined, { signal }).catch(() => undefined);
    }
  }
}

/** What is known of a .part: where it came from and which version of the file it begins. */
const recordSchema = z.strictObject({ url: z.string(), etag: z.string().nullable(), total: z.int().nullable() });
type PartRecord = z.infer<typeof recordSchema>;

async function fetchRest(wanted: Wanted, means: Means): Promise<void> {
  const { url, target } = wanted;
  const { maximumBytes = MAXIMUM_BYTES, silenceMs = SILENCE_MS } = means;
  const kept = await resumable(wanted);
  if (kept && kept.bytes === kept.total) return;

  const silence = new AbortController();
  const alarm = setTimeout(() => silence.abort(new Broken('the server has been silent for too long')), silenceMs);
  try {
    const headers = {
      'accept-encoding': 'identity',
      ...(kept ? { range: `bytes=${kept.bytes}-`, 'if-range': kept.etag } : {}),
    };
    const reply = await openUrl(url, headers, means.network, AbortSignal.any([means.signal, silence.signal]));
    try {
      const { from, total } = await whatComes(reply, kept, wanted);
      refuseSize(wanted, total, maximumBytes);
      if (total !== null) await refuseDisk(target, total - from);
      const etag = strongEtag(reply);
      // The record must never speak of bytes that came from another version of the file.
      if (from === 0) await discard(target);
      await writeFile(recordOf(target), JSON.stringify({ url, etag, total } satisfies PartRecord));
      await receive(wanted, reply.body, from, total, maximumBytes, means.report, () => alarm.refresh());
    } finally {
      reply.body.destroy();
    }
  } catch (error) {
    throw silence.signal.aborted ? silence.signal.reason : error;
  } finally {
    clearTimeout(alarm);
  }
}

/** What an earlier attempt left, if the server can be asked for the rest of the very same file. */
async function resumable({
  url,
  target,
}: Wanted): Promise<{ bytes: number; etag: string; total: number | null } | null> {
  const bytes = await sizeOf(partOf(target));
  const text = await readFile(recordOf(target), 'utf8').catch(() => 'null');
  const { data: record } = recordSchema.safeParse(jsonOf(text));
  if (!record || record.url !== url || record.etag === null || bytes === 0) return null;
  if (record.total !== null && bytes > record.total) return null;
  return { bytes, etag: record.etag, total: record.total };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Where in the file the body begins, and how long the whole file is (RFC 9110, sections 13.1.5 and 15.3.7). */
async function whatComes(
  reply: Reply,
  kept: { readonly bytes: number; readonly etag: string } | null,
  { url, target }: Wanted,
): Promise<{ from: number; total: number | null }> {
  const { status, headers } = reply;
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
    throw new Failure('download-refused', { url, reason: 'it comes compressed, though that was not asked for' });
  }
  if (status === 200) {
    const length = headers['content-length'];
    return { from: 0, total: length === undefined ? null : Number(length) };
  }
  if (status === 206 || status === 416) {
    const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers['content-range'] ?? '');
    if (status === 206 && kept && range && Number(range[1]) === kept.bytes && strongEtag(reply) === kept.etag) {
      return { from: kept.bytes, total: Number(range[2]) };
    }
    // The file has changed, or the server mixes things up: what was kept is of no use.
    await discard(target);
    throw new Broken('the server could not go on where the download stopped');
  }
  if (status >= 500 || status === 429 || status === 408) throw new Broken(`the server answers with status ${status}`);
  throw new Failure('download-refused', { url, reason: reasonOf(status) });
}

const reasonOf = (status: number): string =>
  status === 404 || status === 410
    ? 'the server has no such file'
    : status === 401 || status === 403
      ? 'the server wants you to sign in, or to accept a licence'
      : `the server answers with status ${status}`;

const strongEtag = ({ headers: { etag } }: Reply): string | null => (etag?.startsWith('"') ? etag : null);

function refuseSize({ url, bytes }: Wanted, total: number | null, maximumBytes: number): void {
  const known = total ?? bytes;
  if (known !== null && known > maximumBytes) throw new Failure('download-too-large', { url, maximumBytes });
  if (total !== null && bytes !== null && total !== bytes) {
    throw new Failure('download-length', { url, expected: bytes, actual: total });
  }
}

async function refuseDisk(target: string, needed: number): Promise<void> {
  const free = await freeBytes(dirname(target));
  if (needed + SPARE_DISK_BYTES > free) {
    throw new Failure('download-disk-small', { path: dirname(target), needed, free });
  }
}

async function receive(
  { url, target, bytes: expected }: Wanted,
  body: Readable,
  from: number,
  total: number | null,
  maximumBytes: number,
  report: Means['report'],
  alive: () => void,
): Promise<void> {
  const part = await open(partOf(target), from === 0 ? 'w' : 'r+');
  const startedAt = performance.now();
  let done = from;
  let start = from === 0 && /\.safetensors$/i.test(target) ? Buffer.alloc(0) : null;
  try {
    for await (const chunk of arriving(body)) {
      alive();
      if (start) start = refuseForeign(url, Buffer.concat([start, chunk]));
      if (done + chunk.length > maximumBytes) throw new Failure('download-too-large', { url, maximumBytes });
      for (let at = 0; at < chunk.length;) {
        at += (await part.write(chunk, at, chunk.length - at, done + at)).bytesWritten;
      }
      done += chunk.length;
      const bytesPerSecond = (done - from) / Math.max((performance.now() - startedAt) / 1000, 1e-3);
      const secondsLeft = total === null ? null : (total - done) / bytesPerSecond;
      report({ url, doneBytes: done, totalBytes: total, bytesPerSecond, secondsLeft });
    }
    if (total !== null && done < total) throw new Broken(`it ended after ${done} of ${total} bytes`);
    if (expected !== null && done !== expected) {
      await discard(target);
      throw new Failure('download-length', { url, expected, actual: done });
    }
    await part.sync();
  } catch (error) {
    if (error instanceof Failure) await discard(target);
    throw error;
  } finally {
    await part.close();
  }
}

/** The chunks of a body; what goes wrong with it is told apart from what goes wrong on the disk. */
async function* arriving(body: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body) yield chunk as Buffer;
  } catch (error) {
    throw new Broken((error as Error).message, { cause: error });
  }
}

/**
 * Nobody shall wait for four gigabytes of pickle: a .safetensors file is told by its ninth byte. Returns what there is of the
 * beginning while it is too short to tell, then null. Failures: weights-pickle, weights-foreign.
 */
function refuseForeign(url: string, start: Buffer): Buffer<ArrayBuffer> | null {
  if (start.length < 9) return Buffer.from(start);
  if (start[8] === 0x7b) return null;
  const format = foreignFormat(start);
  if (format === 'pickle') throw new Failure('weights-pickle', { path: url });
  throw new Failure('weights-foreign', { path: url, format: format ?? 'something else' });
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.size ?? 0;
