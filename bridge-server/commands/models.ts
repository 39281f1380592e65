import { join } from 'node:path';
import { EXIT } from '../exit.ts';
import { folders } from '../folders.ts';
import type { JobRecord } from '../jobs/job.ts';
import { refuseNeeded } from '../jobs/needed-models.ts';
import { STORE_FILE, Store } from '../jobs/store.ts';
import { CATALOGUE } from '../models/catalogue.ts';
import type { DownloadProgress } from '../models/download.ts';
import { HUB } from '../models/hub.ts';
import { internet } from '../models/request.ts';
import { ModelStore, type StoredModel, type Verdict } from '../models/store.ts';
import { FAMILY_NAMES } from '../weights/family.ts';
import { duration } from './say.ts';

export async function listModels({ catalogue, json }: { catalogue: boolean; json: boolean }): Promise<void> {
  if (catalogue) {
    const row = ({ name, what, repository, file }: (typeof CATALOGUE)[number]): string =>
      `${name.padEnd(16)}${what.padEnd(40)}${repository}/${file}\n`;
    process.stdout.write(json ? `${JSON.stringify(CATALOGUE)}\n` : CATALOGUE.map(row).join(''));
    return;
  }
  await withStore(async (store) => {
    const models = await store.list();
    if (json) process.stdout.write(`${JSON.stringify({ folders: [store.folder, ...store.folders()], models })}\n`);
    else if (models.length === 0) process.stdout.write(`There are no models yet. ${HOW_TO_ADD}\n`);
    else process.stdout.write(models.map(line).join(''));
  });
}

const HOW_TO_ADD = 'Add a file, a folder or a well-known model with `pentimento models add`.';

function line({ name, bytes, identity, trigger, refusal, origin, path }: StoredModel): string {
  const family = identity?.family ? ` for ${FAMILY_NAMES[identity.family]}` : '';
  const what = identity ? `${identity.adapter?.algorithm ?? identity.kind}${family}` : (refusal?.message ?? '');
  const where = origin === 'download' ? 'downloaded' : origin === 'trained' ? 'trained here' : path;
  const word = trigger === null ? '' : `, "${trigger}"`;
  return `${name}\n  ${(bytes / 1e9).toFixed(2)} GB  ${what}${word}  (${where})\n`;
}

/** Ctrl-C ends it; what came so far is kept, and the same command goes on from there. */
export async function addModel(source: string, options: { sha256?: string; json: boolean }): Promise<void> {
  await withStore(async (store) => {
    const teller = bytesTeller(options.json, downloading);
    const path = await interruptible((signal) =>
      store.add(source, {
        network: internet,
        hub: HUB,
        offline: isOffline(),
        sha256: options.sha256 ?? null,
        signal,
        report: teller.tell,
      }),
    ).finally(teller.end);
    process.stdout.write(options.json ? `${JSON.stringify({ path })}\n` : `${path}\n`);
  });
}

export async function verifyModels(names: readonly string[], { json }: { json: boolean }): Promise<void> {
  await withStore(async (store) => {
    const teller = bytesTeller(json, reading);
    const verdicts = await interruptible((signal) =>
      store.verify(names, signal, (doneBytes, totalBytes) => teller.tell({ doneBytes, totalBytes })),
    ).finally(teller.end);
    if (json) process.stdout.write(`${JSON.stringify(verdicts)}\n`);
    else for (const { path, state } of verdicts) process.stdout.write(`${VERDICTS[state].padEnd(34)}${path}\n`);
    if (verdicts.some(({ state }) => state !== 'unchanged' && state !== 'recorded')) process.exitCode = EXIT.failed;
  });
}

const VERDICTS: Readonly<Record<Verdict['state'], string>> = {
  unchanged: 'as recorded',
  recorded: 'sound; its checksum is kept now',
  changed: 'CHANGED: get it again',
  truncated: 'CUT SHORT: get it again',
  damaged: 'DAMAGED: get it again',
  missing: 'MISSING: add it again, or remove it',
};

export async function removeModel(name: string, { json }: { json: boolean }): Promise<void> {
  await withStore(async (store) => {
    const removed = await store.remove(name, (path) => refuseNeeded(path, pendingJobs()));
    const words = removed.deleted ? 'Deleted' : 'Forgotten, but not deleted:';
    process.stdout.write(json ? `${JSON.stringify(removed)}\n` : `${words} ${removed.path}\n`);
  });
}

async function withStore(work: (store: ModelStore) => Promise<void>): Promise<void> {
  const store = new ModelStore(folders().data);
  try {
    await work(store);
  } finally {
    store.close();
  }
}

const isOffline = (): boolean => ofJobs((jobs) => jobs.setting('offline') === 'on');

const pendingJobs = (): readonly JobRecord[] => ofJobs((jobs) => jobs.pending());

function ofJobs<T>(ask: (jobs: Store) => T): T {
  const jobs = new Store(join(folders().data, STORE_FILE));
  try {
    return ask(jobs);
  } finally {
    jobs.close();
  }
}

async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

/** How often a line is said where it can be replaced, and where it cannot. */
const OFTEN_MS = 200;
const SPARSE_MS = 10_000;

type Bytes = { readonly doneBytes: number; readonly totalBytes: number | null };

function bytesTeller<P extends Bytes>(
  json: boolean,
  words: (progress: P) => string,
): { tell: (progress: P) => void; end: () => void } {
  const live = process.stderr.isTTY && !json;
  const pause = live || json ? OFTEN_MS : SPARSE_MS;
  let saidAt = -Infinity;
  return {
    tell: (progress) => {
      const complete = progress.doneBytes === progress.totalBytes;
      if (performance.now() - saidAt < pause && !complete) return;
      saidAt = performance.now();
      const text = json ? JSON.stringify(progress) : words(progress);
      process.stderr.write(live ? `\r\x1b[K${text.slice(0, process.stderr.columns - 1)}` : `${text}\n`);
    },
    end: () => void (live && process.stderr.write('\r\x1b[K')),
  };
}

const megabytes = ({ doneBytes, totalBytes }: Bytes): string =>
  `${(doneBytes / 1e6).toFixed(0)}${totalBytes === null ? '' : ` of ${(totalBytes / 1e6).toFixed(0)}`} MB`;

const reading = (progress: Bytes): string => `Reading: ${megabytes(progress)}`;

function downloading(progress: DownloadProgress): string {
  const { bytesPerSecond, secondsLeft } = progress;
  const left = secondsLeft === null || secondsLeft < 1 ? '' : `, ${duration(secondsLeft)} left`;
  return `Downloading: ${megabytes(progress)}, ${(bytesPerSecond / 1e6).toFixed(1)} MB/s${left}`;
}
