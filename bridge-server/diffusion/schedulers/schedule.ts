/**
 * The noise schedules that the networks were trained with, and the ways of choosing a few of their timesteps. Training ran in
 * float32, and timesteps are chosen by comparing such values, so the tables are rounded to float32 where the original was.
 */

/** What a model folder's scheduler_config.json says, completed with defaults. Names follow that file. */
export type ScheduleConfig = {
  readonly trainSteps: number;
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly betaSchedule: 'scaled_linear' | 'linear' | 'squaredcos_cap_v2';
  readonly trainedBetas: readonly number[] | null;
  /** Rescales the betas so that the last timestep is pure noise (Lin et al. 2023, algorithm 1). */
  readonly zeroTerminalSnr: boolean;
};

/** The cumulative products of 1 - beta: how much of the picture's variance is left at each training timestep, decreasing. */
export function alphasCumprod(config: ScheduleConfig): Float32Array {
  const betas = config.zeroTerminalSnr ? rescaleToZeroTerminalSnr(betasOf(config)) : betasOf(config);
  const alphas = betas.map((beta) => 1 - beta);
  return cumulativeProduct(alphas);
}

function betasOf(config: ScheduleConfig): Float32Array {
  const { trainSteps: n, betaStart, betaEnd } = config;
  if (config.trainedBetas) return Float32Array.from(config.trainedBetas);
  switch (config.betaSchedule) {
    case 'linear':
      return linspace32(betaStart, betaEnd, n);
    case 'scaled_linear':
      return linspace32(Math.sqrt(betaStart), Math.sqrt(betaEnd), n).map((root) => root * root);
    case 'squaredcos_cap_v2': {
      const bar = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
      return Float32Array.from({ length: n }, (_, i) => Math.min(1 - bar((i + 1) / n) / bar(i / n), 0.999));
    }
  }
}

function rescaleToZeroTerminalSnr(betas: Float32Array): Float32Array {
  const roots = cumulativeProduct(betas.map((beta) => 1 - beta)).map(Math.sqrt);
  const first = roots[0]!;
  const last = roots.at(-1);
  const scale = Math.fround(first / Math.fround(first - last));
  const bars = roots.map((root) => Math.fround(root - last) * scale).map((root) => root * root);
  return bars.map((bar, i) => 1 - (i === 0 ? bar : Math.fround(bar / bars[i - 1]!)));
}

function cumulativeProduct(values: Float32Array): Float32Array {
  let product = 1;
  return values.map((value) => (product *= value));
}

/** n values from start to end, computed in float32 from both ends towards the middle, as the training code did. */
function linspace32(start: number, end: number, n: number): Float32Array {
  const [a, b] = [Math.fround(start), Math.fround(end)];
  const step = Math.fround(Math.fround(b - a) / (n - 1));
  return Float32Array.from({ length: n }, (_, i) =>
    i < n / 2 ? a + Math.fround(step * i) : b - Math.fround(step * (n - 1 - i)),
  );
}

/** Where in the trained timesteps the few that are run lie: see Lin et al. 2023, table 2. */
export type Spacing = 'linspace' | 'leading' | 'trailing';

/** n values from 0 to last, both included. */
export const linspace = (last: number, n: number): number[] =>
  Array.from({ length: n }, (_, i) => (n === 1 ? 0 : i === n - 1 ? last : i * (last / (n - 1))));

/** 0, ratio, 2·ratio, … (n values), ratio = floor(trained / parts), plus the offset, highest first. */
export const leading = (trained: number, parts: number, n: number, offset: number): number[] =>
  Array.from({ length: n }, (_, i) => i * Math.floor(trained / parts) + offset).reverse();

/** trained, trained - ratio, … (n values), rounded, less one, highest first: the last trained timestep is always run. */
export const trailing = (trained: number, n: number): number[] =>
  Array.from({ length: n }, (_, i) => roundHalfEven(trained + i * (trained - trained / n - trained)) - 1);

export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Noise over signal at each training timestep, increasing: sqrt((1 - a) / a). */
export const trainingSigmas = (alphas: Float32Array): Float32Array =>
  alphas.map((a) => Math.sqrt(Math.fround(Math.fround(1 - a) / a)));

/** The training sigma at a fractional timestep, linearly between its neighbours. */
export function sigmaAt(timestep: number, sigmas: Float32Array): number {
  const low = Math.min(Math.max(Math.floor(timestep), 0), sigmas.length - 1);
  const high = Math.min(low + 1, sigmas.length - 1);
  return sigmas[low]! + (timestep - low) * (sigmas[high]! - sigmas[low]!);
}

/** The fractional training timestep that has this sigma, by linear interpolation of the logarithms. */
export function timestepOf(sigma: number, sigmas: Float32Array): number {
  const logs = sigmas.map(Math.log);
  const log = Math.log(Math.max(sigma, 1e-10));
  let low = 0;
  while (low < logs.length - 2 && logs[low + 1]! <= log) low++;
  const weight = Math.min(Math.max((logs[low]! - log) / (logs[low]! - logs[low + 1]!), 0), 1);
  return (1 - weight) * low + weight * (low + 1);
}

/** n sigmas from highest to lowest, evenly spaced in the seventh root (Karras et al. 2022, eq. 5). */
export function karrasSigmas(highest: number, lowest: number, n: number): number[] {
  const rho = 7;
  const [a, b] = [highest ** (1 / rho), lowest ** (1 / rho)];
  return linspace(1, n).map((ramp) => (a + ramp * (b - a)) ** rho);
}
