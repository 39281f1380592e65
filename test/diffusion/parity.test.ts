import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Runtime } from '../../bridge-server/diffusion/runtime/runtime.ts';
import type { ParityCase } from '../../bridge-server/parity/case.ts';
import type { ParityReport } from '../../bridge-server/parity/parity.ts';
import { tinyControlNet } from '../../bridge-server/parity/controlnets.ts';
import { animateDiff } from '../../bridge-server/parity/motion.ts';
import { endToEnd, sdxlTextToImage, vaeTiling } from '../../bridge-server/parity/pipelines.ts';
import { schedulers } from '../../bridge-server/parity/schedulers.ts';
import { clipTokenizer } from '../../bridge-server/parity/tokens.ts';

const GOLDENS = path.join(import.meta.dirname, '..', 'goldens');
const golden = (name: string) => path.join(GOLDENS, name);
const { signal } = new AbortController();
const runtime = new Runtime({ budgetBytes: Infinity, providers: ['cpu'], threads: null });
afterAll(() => runtime.close());

const pipelines = await endToEnd(golden('end-to-end'), runtime);

async function expectWithin({ measure, tolerance, metric = 'relativeL2' }: ParityCase) {
  expect((await measure(signal))[metric]).toBeLessThanOrEqual(tolerance);
}

describe.each([
  ['clip-tokenizer', await clipTokenizer(golden('clip-tokenizer')), 135],
  ['schedulers', await schedulers(golden('schedulers')), 142],
  ['vae-tiling', await vaeTiling(golden('vae-tiling'), runtime), 3],
  ['end-to-end', pipelines.cases, 16],
  ['tiny-controlnet', await tinyControlNet(golden('tiny-controlnet')), 62],
  ['animatediff', await animateDiff(golden('animatediff')), 2],
  ['tiny-sdxl', await sdxlTextToImage(golden('tiny-sdxl'), runtime), 3],
])('%s does what the reference does', (_, cases, atLeast) => {
  it('in all cases', () => expect(new Set(cases.map(({ id }) => id)).size).toBeGreaterThanOrEqual(atLeast));
  it.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => expectWithin(one));
});

it('runs every pipeline', () => expect(pipelines.notBuilt).toEqual([]));

describe('pentimento parity', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'parity-'));
    await cp(golden('clip-tokenizer'), path.join(folder, 'clip-tokenizer'), { recursive: true });
    await cp(golden('key-maps'), path.join(folder, 'key-maps'), { recursive: true });
    await mkdir(path.join(folder, 'of-the-future'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const run = (...args: string[]) =>
    new Promise<{ code: number; stdout: string }>((resolve) => {
      const main = path.join(import.meta.dirname, '..', '..', 'bridge-server', 'main.ts');
      const child = execFile(process.execPath, [main, 'parity', folder, ...args], (_, stdout) =>
        resolve({ code: child.exitCode ?? -1, stdout }),
      );
    });

  it('reports as JSON, and exits with 0', async () => {
    const { code, stdout } = await run('--json');
    const report = JSON.parse(stdout) as ParityReport;
    expect(code).toBe(0);
    expect(report).toMatchObject({ passed: 143, failed: 0, notBuilt: ['of-the-future'] });
    expect(report.cases[0]).toMatchObject({
      folder: 'clip-tokenizer',
      ok: true,
      relativeL2: 0,
      maxAbs: 0,
      tolerance: 0,
    });
  });

  it('exits with 1 when one case is off, and when a folder cannot be read', async () => {
    const file = path.join(folder, 'clip-tokenizer', 'golden.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"a photo of a cat"', '"a photo of a dog"'));
    const off = await run();
    expect(off.code).toBe(1);
    expect(off.stdout).toContain('TOO FAR  clip-tokenizer/cases[1] tokens');
    expect(off.stdout).toContain('140 within tolerance, 3 not.');
    await writeFile(file, '{');
    const damaged = await run('--json');
    expect(damaged.code).toBe(1);
    const { cases } = JSON.parse(damaged.stdout) as ParityReport;
    expect(cases.filter(({ ok }) => !ok)).toMatchObject([{ id: 'clip-tokenizer' }]);
  });
});
