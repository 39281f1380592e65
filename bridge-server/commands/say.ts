import type { TrainProgress } from '../jobs/job.ts';
import type { Progress } from '../progress.ts';

/** How the command line speaks of what goes on: on stderr, since stdout is for results. */
export type Worded = { readonly code: string; readonly message: string; readonly remedy: string };

export function sayFailure({ code, message, remedy }: Worded, json: boolean): void {
  process.stderr.write(json ? `${JSON.stringify({ error: { code, message, remedy } })}\n` : `${message}\n${remedy}\n`);
}

/** Without a terminal to update a line on: how often it says something within a stage. */
const SPARSE_MS = 10_000;

const WORDS: Record<Progress['stage'], string> = {
  probe: 'Reading the source',
  track: 'Following details',
  analyse: 'Analysing the motion',
  advise: 'Looking how far the keys reach',
  keys: 'Choosing key frames',
  look: 'Painting key frames',
  preview: 'Making a preview',
  match: 'Following the motion',
  propagate: 'Painting between keys',
  measure: 'Measuring the stability',
  deliver: 'Writing the result',
  survey: 'Looking for examples',
  encode: 'Encoding examples',
  train: 'Training',
};

/** Shows progress as it comes: JSON lines, one line that changes, or a line now and then. `end` leaves the terminal clean. */
export function progressTeller(json: boolean): { tell(progress: Progress | TrainProgress): void; end(): void } {
  if (json)
    return { tell: (progress) => void process.stderr.write(`${JSON.stringify(progress)}\n`), end: () => undefined };
  if (process.stderr.isTTY) {
    return {
      tell: (progress) => void process.stderr.write(`\r\x1b[K${line(progress).slice(0, process.stderr.columns - 1)}`),
      end: () => void process.stderr.write('\r\x1b[K'),
    };
  }
  let stage: string | null = null;
  let saidAt = 0;
  return {
    tell: (progress) => {
      const now = performance.now();
      if (progress.stage === stage && now - saidAt < SPARSE_MS) return;
      stage = progress.stage;
      saidAt = now;
      process.stderr.write(`${line(progress)}\n`);
    },
    end: () => undefined,
  };
}

function line(progress: Progress | TrainProgress): string {
  const { stage, done, total, unit, etaSeconds } = progress;
  const loss = 'loss' in progress && progress.loss !== null ? `, loss ${progress.loss.toFixed(4)}` : '';
  const left = etaSeconds === null || etaSeconds < 1 ? '' : `, ${duration(etaSeconds)} left`;
  return total > 1 ? `${WORDS[stage]}: ${done} of ${total} ${unit}${loss}${left}` : WORDS[stage];
}

/** 42 s, 3 min 10 s, 2 h 5 min. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
