import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Failure } from '../errors.ts';
import { Runtime } from '../diffusion/runtime/runtime.ts';
import type { Difference, ParityCase } from './case.ts';
import { tinyControlNet } from './controlnets.ts';
import { keyMaps } from './key-maps.ts';
import { sdxlLora, tinyLora } from './loras.ts';
import { animateDiff } from './motion.ts';
import { taesd, tinySd15, tinySdxl } from './networks.ts';
import { endToEnd, sdxlTextToImage, vaeTiling } from './pipelines.ts';
import { schedulers } from './schedulers.ts';
import { clipTokenizer } from './tokens.ts';
import { loraTraining } from './training.ts';

export type ParityResult = Difference & {
  readonly id: string;
  readonly folder: string;
  readonly ok: boolean;
  readonly tolerance: number;
  /** Which of the differences the tolerance is for. */
  readonly metric: keyof Difference;
  /** Why there is no result; null when there is one. */
  readonly error: string | null;
};

export type ParityReport = {
  readonly cases: readonly ParityResult[];
  readonly passed: number;
  readonly failed: number;
  /** Folders, or cases as folder/case, of things that this version does not have. */
  readonly notBuilt: readonly string[];
};

type Found = { readonly cases: readonly ParityCase[]; readonly notBuilt: readonly string[] };
const all = async (cases: Promise<readonly ParityCase[]>): Promise<Found> => ({ cases: await cases, notBuilt: [] });

/** What each folder of reference data is compared with. */
const FOLDERS: Readonly<Record<string, (folder: string, runtime: Runtime) => Promise<Found>>> = {
  animatediff: (folder) => all(animateDiff(folder)),
  'clip-tokenizer': (folder) => all(clipTokenizer(folder)),
  'key-maps': (folder) => all(Promise.resolve(keyMaps(folder))),
  schedulers: (folder) => all(schedulers(folder)),
  'lora-training': (folder, runtime) => all(loraTraining(folder, runtime)),
  'tiny-sd15': (folder) => all(tinySd15(folder)),
  'tiny-sdxl': async (folder, runtime) =>
    all(
      Promise.all([tinySdxl(folder), sdxlTextToImage(folder, runtime), sdxlLora(folder)]).then((cases) => cases.flat()),
    ),
  'tiny-controlnet': (folder) => all(tinyControlNet(folder)),
  'tiny-lora': (folder) => all(tinyLora(folder)),
  taesd: (folder) => all(taesd(folder)),
  'vae-tiling': (folder, runtime) => all(vaeTiling(folder, runtime)),
  'end-to-end': endToEnd,
};

/**
 * Compares this program with reference data: a folder of folders, each with what a reference implementation computed and a
 * README that says how near is near enough. What cannot be run counts as failed, with its reason.
 */
export async function runParity(
  location: string,
  signal: AbortSignal,
  onResult: (result: ParityResult) => void = () => undefined,
): Promise<ParityReport> {
  const cases: ParityResult[] = [];
  const notBuilt: string[] = [];
  const add = (result: ParityResult) => {
    cases.push(result);
    onResult(result);
  };
  // On the CPU: another provider rounds differently, and the tolerances are for 32-bit floats.
  const runtime = new Runtime({ budgetBytes: Infinity, providers: ['cpu'], threads: null });
  try {
    for (const name of await foldersIn(location)) {
      const build = FOLDERS[name];
      if (!build) {
        notBuilt.push(name);
        continue;
      }
      signal.throwIfAborted();
      try {
        const found = await build(path.join(location, name), runtime);
        notBuilt.push(...found.notBuilt.map((id) => `${name}/${id}`));
        for (const one of found.cases) add(await measured(one, signal));
      } catch (error) {
        signal.throwIfAborted();
        add(unmeasured({ id: name, folder: name, tolerance: 0 }, error));
      }
    }
  } finally {
    runtime.close();
  }
  const passed = cases.filter(({ ok }) => ok).length;
  return { cases, passed, failed: cases.length - passed, notBuilt };
}

async function measured(one: ParityCase, signal: AbortSignal): Promise<ParityResult> {
  const { id, folder, tolerance, metric = 'relativeL2' } = one;
  signal.throwIfAborted();
  try {
    const difference = await one.measure(signal);
    return { id, folder, ok: difference[metric] <= tolerance, ...difference, tolerance, metric, error: null };
  } catch (error) {
    signal.throwIfAborted();
    return unmeasured(one, error);
  }
}

function unmeasured({ id, folder, tolerance }: Omit<ParityCase, 'measure'>, error: unknown): ParityResult {
  const reason = error instanceof Error ? error.message : String(error);
  return {
    id,
    folder,
    ok: false,
    relativeL2: Infinity,
    maxAbs: Infinity,
    tolerance,
    metric: 'relativeL2',
    error: reason,
  };
}

async function foldersIn(location: string): Promise<string[]> {
  try {
    const entries = await readdir(location, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    throw new Failure('media-missing', { path: location }, error);
  }
}
