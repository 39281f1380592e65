/**
 * One thing that is timed. `open` makes ready (not timed) and returns what to run: the product's way first, then baselines to
 * compare with on the same machine at the same moment (one worker instead of all, the plain way instead of the clever one).
 */
export type BenchCase = {
  /** Like `flow 960x540 fine`; what a filter on the command line is matched against. */
  readonly name: string;
  /** What one run gets through, for the rate: 24 frames, 3.2 Mpatch. */
  readonly amount: number;
  readonly unit: string;
  /** The same for variants that get through less, because they are so much slower. */
  readonly amounts?: Readonly<Record<string, number>>;
  /** Timed runs of each variant; default 5. */
  readonly iterations?: number;
  readonly open: () => Promise<{
    /** Those that measure it give the most memory that they took, in bytes. */
    readonly variants: Readonly<Record<string, () => Promise<void | number>>>;
    readonly close: () => Promise<void>;
  }>;
};

/** Times in seconds of one variant of a case. `rate` and `secondsPerUnit` are by the fastest run, which other load disturbs least. */
export type BenchResult = {
  readonly name: string;
  readonly variant: string;
  readonly unit: string;
  readonly iterations: number;
  readonly minSeconds: number;
  readonly medianSeconds: number;
  readonly maxSeconds: number;
  readonly rate: number;
  readonly secondsPerUnit: number;
  /** Seconds a unit over those of the case's first variant: above 1 is slower than the product's way. */
  readonly ratio: number;
  readonly peakBytes: number | null;
};

/**
 * Warms every variant up with one run, then times them in turn (a, b, a, b, …), so that what else the machine does falls on all
 * alike. The number of runs is fixed, never decided by a clock.
 */
export async function runCase(bench: BenchCase): Promise<BenchResult[]> {
  const iterations = bench.iterations ?? 5;
  const { variants, close } = await bench.open();
  try {
    const names = Object.keys(variants);
    const times = new Map(names.map((name) => [name, [] as number[]]));
    const peaks = new Map<string, number>();
    const run = async (name: string): Promise<void> => {
      const bytes = await variants[name]!();
      if (typeof bytes === 'number') peaks.set(name, Math.max(bytes, peaks.get(name) ?? 0));
    };
    for (const name of names) await run(name);
    for (let i = 0; i < iterations; i++) {
      for (const name of names) {
        const start = performance.now();
        await run(name);
        times.get(name)!.push((performance.now() - start) / 1000);
      }
    }
    const amountOf = (name: string): number => bench.amounts?.[name] ?? bench.amount;
    const first = Math.min(...times.get(names[0]!)!) / amountOf(names[0]!);
    return names.map((variant) => {
      const sorted = times.get(variant)!.sort((a, b) => a - b);
      const minSeconds = sorted[0]!;
      return {
        name: bench.name,
        variant,
        unit: bench.unit,
        iterations,
        minSeconds,
        medianSeconds: sorted[sorted.length >> 1]!,
        maxSeconds: sorted.at(-1),
        rate: amountOf(variant) / minSeconds,
        secondsPerUnit: minSeconds / amountOf(variant),
        ratio: minSeconds / amountOf(variant) / first,
        peakBytes: peaks.get(variant) ?? null,
      };
    });
  } finally {
    await close();
  }
}
