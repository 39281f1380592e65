import { weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import { logSnr, logSnrSpace } from './log-snr-space.ts';
import type { Scheduler, Steps } from './scheduler.ts';

/**
 * UniPC (Zhao et al. 2023) in its picture-predicting form: each call first corrects the sample it was made from, then predicts the
 * next. B(h) is h ("bh1") or exp(h) - 1 ("bh2").
 */
export function uniPc(config: SchedulerConfig, steps: Steps): Scheduler {
  const space = logSnrSpace(config, steps, { endsAt: config.karras ? 'last' : 'lowest' });
  const calls = space.timesteps.length;

  /** The order of the predictor at a call, given how many earlier predictions there are. */
  const orderAt = (index: number, known: number) =>
    Math.min(config.lowerOrderFinal ? calls - index : Infinity, config.solverOrder, known + 1);

  /**
   * From `sample` at call `from` to the next, with the predictions known there, newest first. `ahead` is the prediction made at the
   * far end, when there is one already: then this is the corrector.
   */
  const move = (
    from: number,
    order: number,
    sample: Float32Array,
    past: readonly Float32Array[],
    ahead?: Float32Array,
  ) => {
    const [start, end] = [space.at(from), space.at(from + 1)];
    const h = logSnr(end) - logSnr(start);
    const b = config.bh1 ? -h : Math.expm1(-h);
    const newest = past[0]!;
    // Where the known predictions lie, in units of this step, seen from its start; the far end is at 1.
    const places = past.slice(1, order).map((_, k) => (logSnr(space.at(from - 1 - k)) - logSnr(start)) / h);
    const values = past.slice(1, order);
    if (ahead) {
      places.push(1);
      values.push(ahead);
    }
    const weights =
      places.length === 1 && (ahead === undefined || order === 1)
        ? [0.5]
        : solve(vandermonde(places), moments(places.length, -h, b));
    const terms: [number, Float32Array][] = [
      [end.noise / start.noise, sample],
      [-end.signal * Math.expm1(-h), newest],
    ];
    for (const [k, weight] of weights.entries()) {
      const factor = (-end.signal * b * weight) / places[k]!;
      terms.push([factor, values[k]!], [-factor, newest]);
    }
    return weighted(...terms);
  };

  return {
    ...space,
    stochastic: false,
    step({ index, sample, prediction, history }) {
      const clean = space.clean(sample, prediction, index);
      const { past, sample: previous } = history;
      const corrected =
        previous === null ? sample : move(index - 1, orderAt(index - 1, past.length - 1), previous, past, clean);
      const known = [clean, ...past].slice(0, config.solverOrder);
      return {
        sample: move(index, orderAt(index, past.length), corrected, known),
        history: { past: known, sample: corrected },
      };
    },
  };
}

/** Rows of powers: row i holds places^i. */
const vandermonde = (places: readonly number[]): number[][] =>
  places.map((_, power) => places.map((place) => place ** power));

/** The right-hand side of the order conditions: phi_{k+1}(h)·k!/B(h) for k = 1, 2, … */
function moments(count: number, h: number, b: number): number[] {
  let factorial = 1;
  let phi = Math.expm1(h) / h - 1;
  return Array.from({ length: count }, (_, i) => {
    const value = (phi * factorial) / b;
    factorial *= i + 2;
    phi = phi / h - 1 / factorial;
    return value;
  });
}

/** Solves a small dense system by elimination with row pivoting. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  const n = rows.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++) {
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row;
    }
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let row = 0; row < n; row++) {
      if (row === column) continue;
      const factor = rows[row]![column]! / rows[column]![column]!;
      for (let k = column; k <= n; k++) rows[row]![k]! -= factor * rows[column]![k]!;
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!);
}
