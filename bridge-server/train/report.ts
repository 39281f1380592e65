import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { partBeside } from '../media/part.ts';
import { trainingSchema, type TrainingView } from '../protocol/job.ts';
import type { ChosenExample } from './shot.ts';
import type { Size } from '../diffusion/picture/size.ts';

/** Its name in the folder of a training. */
const REPORT_FILE = 'report.json';

/** Points of a curve that is shown. */
const POINTS = 500;

type Chosen = {
  readonly examples: readonly ChosenExample[];
  readonly size: Size;
  readonly notes: readonly string[];
};

const reportSchema = z.object({
  losses: z.array(z.number()),
  ...trainingSchema.omit({ losses: true, samples: true }).shape,
});

/** What is known of a training, beside its state, for whoever wants to see it while it runs and when it is done. */
export class Report {
  readonly #path: string;
  readonly #chosen: Chosen;

  constructor(folder: string, chosen: Chosen) {
    this.#path = join(folder, REPORT_FILE);
    this.#chosen = chosen;
  }

  /** `losses`: of all steps so far. */
  async write(losses: readonly number[]): Promise<void> {
    const part = await partBeside(this.#path);
    await writeFile(part, JSON.stringify({ ...this.#chosen, losses }));
    await rename(part, this.#path);
  }
}

const SAMPLE = /^step-(\d{6,})\.png$/;

/** What a picture of what the LoRA can do after so many steps is called, without its extension. */
export const sampleName = (step: number): string => `step-${String(step).padStart(6, '0')}`;

/** What lies in the folder of a training, as far as there is any. */
export async function readReport(folder: string): Promise<TrainingView> {
  const names = await readdir(folder).catch(() => []);
  const steps = names.flatMap((name) => SAMPLE.exec(name)?.[1] ?? []).map(Number);
  const samples = steps.sort((a, b) => a - b).map((step) => ({ step }));
  const text = await readFile(join(folder, REPORT_FILE), 'utf8').catch(() => null);
  const read = text === null ? null : reportSchema.safeParse(JSON.parse(text));
  if (!read?.data) return { losses: [], examples: [], size: null, notes: [], samples };
  return { ...read.data, losses: thinned(read.data.losses), samples };
}

/** At most so many points, each the mean of its stretch of steps. */
export function thinned(losses: readonly number[], points = POINTS): TrainingView['losses'] {
  const count = Math.min(points, losses.length);
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i, i + 1].map((n) => Math.floor((n * losses.length) / count)) as [number, number];
    const stretch = losses.slice(from, to);
    return { step: to, loss: stretch.reduce((sum, loss) => sum + loss, 0) / stretch.length };
  });
}
