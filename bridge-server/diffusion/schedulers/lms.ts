import { weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import type { Scheduler, Steps } from './scheduler.ts';
import { sigmaSpace } from './sigma-space.ts';

const ORDER = 4;

/** Linear multistep (Adams-Bashforth on unevenly spaced sigmas), as in k-diffusion. */
export function lms(config: SchedulerConfig, steps: Steps): Scheduler {
  const space = sigmaSpace(config, steps);
  const { sigmas } = space;
  return {
    ...space,
    stochastic: false,
    step({ index, sample, prediction, history }) {
      const slope = space.slope(sample, prediction, index);
      const past = [slope, ...history.past].slice(0, ORDER);
      const order = Math.min(index + 1, ORDER);
      const terms = past.slice(0, order).map((value, k) => [coefficient(sigmas, index, order, k), value] as const);
      return { sample: weighted([1, sample], ...terms), history: { past, sample: null } };
    },
  };
}

/** The integral from sigma[index] to the next of the Lagrange polynomial that is 1 at sigma[index - k] and 0 at the others. */
function coefficient(sigmas: readonly number[], index: number, order: number, k: number): number {
  const basis = (sigma: number) => {
    let product = 1;
    for (let j = 0; j < order; j++) {
      if (j !== k) product *= (sigma - sigmas[index - j]!) / (sigmas[index - k]! - sigmas[index - j]!);
    }
    return product;
  };
  // Two-point Gauss-Legendre: exact for cubic polynomials.
  const [from, to] = [sigmas[index]!, sigmas[index + 1]!];
  const [middle, half] = [(from + to) / 2, (to - from) / 2];
  return half * (basis(middle - half / Math.sqrt(3)) + basis(middle + half / Math.sqrt(3)));
}
