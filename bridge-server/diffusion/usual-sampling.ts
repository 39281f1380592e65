import type { Variant } from '../weights/identify.ts';

/** Steps and guidance for a model: one that was distilled takes few, and hardly any guidance. */
export function usualSampling(variant: Variant | null): { steps: number; guidance: number } {
  switch (variant?.distilled ?? null) {
    case 'turbo':
    case 'lightning':
    case 'hyper':
      return { steps: 8, guidance: 1 };
    case 'lcm':
      return { steps: 8, guidance: 1.5 };
    case null:
      return { steps: 20, guidance: 7.5 };
  }
}
