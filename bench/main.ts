import { arch, cpus, freemem, loadavg, platform, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { tool } from '../bridge-server/media/ffmpeg.ts';
import { anchorCases } from './anchor.ts';
import { cases as control } from './control.ts';
import { cases as decode } from './decode.ts';
import { cases as flow } from './flow.ts';
import { runCase, type BenchResult } from './harness.ts';
import { cases as job } from './job.ts';
import { cases as key } from './key.ts';
import { cases as looks } from './looks.ts';
import { cases as memory } from './memory.ts';
import { cases as networks } from './networks.ts';
import { cases as propagation } from './propagation.ts';
import { cases as train } from './train.ts';

// npm run bench -- [--json] [--list] [--anchor BINARY] [WORD…]: the cases whose names have all the words; without words all. With
// the path of EbSynth’s command line also those that compare with it.

const HEADING =
  'case                              variant                   s/unit   rate/s    fastest    slowest    ratio';

const { values, positionals } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    anchor: { type: 'string' },
  },
  allowPositionals: true,
});
const anchor = values.anchor === undefined ? [] : anchorCases(resolve(values.anchor));
const cases = [
  ...decode,
  ...flow,
  ...looks,
  ...control,
  ...propagation,
  ...memory,
  ...job,
  ...networks,
  ...train,
  ...key,
  ...anchor,
];
const chosen = cases.filter(({ name }) => positionals.every((word) => name.includes(word)));
if (chosen.length === 0) {
  process.stderr.write(`No case has ${positionals.join(' ')} in its name. They are:\n`);
  for (const { name } of cases) process.stderr.write(`  ${name}\n`);
  process.exit(2);
}

if (values.list) for (const { name } of chosen) process.stdout.write(`${name}\n`);
else {
  // Before anything runs: the load is that of others.
  const here = await machine();
  if (!values.json) process.stdout.write(`${inWords(here)}\n\n${HEADING}\n`);
  const results: BenchResult[] = [];
  for (const bench of chosen) {
    const measured = await runCase(bench);
    if (!values.json) for (const result of measured) process.stdout.write(`${line(result)}\n`);
    results.push(...measured);
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ machine: here, results })}\n`);
}

type Machine = {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly freeGigabytes: number;
  readonly system: string;
  readonly node: string;
  readonly ffmpeg: string;
  /** Processes that wanted a core in the last minute, before it began: well above 0 is a machine that was busy with other things. */
  readonly load: number;
};

async function machine(): Promise<Machine> {
  const all = cpus();
  const gigabytes = (bytes: number): number => Math.round(bytes / 2 ** 30);
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGigabytes: gigabytes(totalmem()),
    freeGigabytes: gigabytes(freemem()),
    system: `${platform()} ${arch()}`,
    node: process.version,
    ffmpeg: /version (\S+)/.exec((await tool('ffmpeg')).version)?.[1] ?? 'unknown',
    load: Number(loadavg()[0]!.toFixed(2)),
  };
}

function inWords({ cpu, cores, memoryGigabytes, system, node, ffmpeg, load }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGigabytes} GB, ${system}, Node ${node}, ffmpeg ${ffmpeg}, load ${load}`;
}

function line(result: BenchResult): string {
  const { name, variant, unit, rate, secondsPerUnit, minSeconds, maxSeconds, ratio, peakBytes } = result;
  const number = (value: number): string => value.toPrecision(3);
  return [
    name.padEnd(32),
    variant.padEnd(16),
    `${number(secondsPerUnit)}/${unit}`.padStart(14),
    number(rate).padStart(7),
    `${number(minSeconds)} s`.padStart(9),
    `${number(maxSeconds)} s`.padStart(9),
    `${number(ratio)}x`.padStart(7),
    ...(peakBytes === null ? [] : [`${Math.round(peakBytes / 2 ** 20)} MiB at most`]),
  ].join('  ');
}
