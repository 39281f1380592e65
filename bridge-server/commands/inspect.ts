import { asFailure, type Failure } from '../errors.ts';
import { EXIT } from '../exit.ts';
import { DTYPES, type Dtype } from '../weights/dtype.ts';
import { FAMILY_NAMES } from '../weights/family.ts';
import { type Identity, type Variant, worksWith } from '../weights/identify.ts';
import { KIND_NAMES } from '../weights/kind-names.ts';
import { identify, PART_NAMES } from '../weights/model.ts';
import type { Training } from '../weights/training.ts';
import { sayFailure } from './say.ts';

/** Says what each model file or folder is, and what it works with. One that is refused does not hide the others. */
export async function inspect(files: readonly string[], { json }: { json: boolean }): Promise<void> {
  for (const file of files) {
    try {
      const identity = await identify(file);
      process.stdout.write(
        json ? `${JSON.stringify({ ...identity, worksWith: worksWith(identity) })}\n` : described(identity),
      );
    } catch (error) {
      refuse(file, asFailure(error), json);
    }
  }
}

function refuse(path: string, failure: Failure, json: boolean): void {
  process.exitCode = EXIT.failed;
  const { code, message, remedy } = failure;
  if (json) process.stdout.write(`${JSON.stringify({ path, error: { code, message, remedy } })}\n`);
  sayFailure(failure, json);
}

function described(identity: Identity): string {
  const { path, kind, family, variant, adapter, parts, dtype, parameters } = identity;
  const title = `${adapter?.algorithm ?? KIND_NAMES[kind]}${family ? ` for ${FAMILY_NAMES[family]}` : ''}`;
  const rows = [
    ['is', [title, ...(variant ? traits(variant) : [])].join(', ')],
    ...parts.map((part) => [PART_NAMES[part.part], size(part)]),
    ...(parts.length === 1 ? [] : [['all', size({ dtype, parameters })]]),
    ...(adapter
      ? [
          ['changes', `${adapter.changes.join(' and ')}, ${adapter.modules} modules${rank(adapter.rank)}`],
          ...trained(adapter.training),
        ]
      : []),
    ['works with', worksWith(identity)],
  ];
  return `${path}\n${rows.map(([name = '', text = '']) => `  ${name.padEnd(20)}${text}\n`).join('')}`;
}

const traits = ({ inpainting, prediction, zeroTerminalSnr, distilled }: Variant): string[] => [
  ...(inpainting ? ['inpainting'] : []),
  ...(prediction === 'v' ? ['v-prediction'] : []),
  ...(zeroTerminalSnr ? ['zero terminal SNR'] : []),
  ...(distilled ? [`distilled (${distilled})`] : []),
];

const trained = ({ title, baseModel, triggerWords }: Training): [string, string][] => [
  ...(title === null ? [] : [['title', title] as [string, string]]),
  ...(baseModel === null ? [] : [['trained on', baseModel] as [string, string]]),
  ...(triggerWords.length === 0 ? [] : [['trigger words', triggerWords.join(', ')] as [string, string]]),
];

const rank = (value: number | null): string => (value === null ? '' : ` of rank ${value}`);

const size = ({ dtype, parameters }: { dtype: Dtype; parameters: number }): string =>
  `${count(parameters)} parameters in ${DTYPES[dtype].safetensors}`;

/** 1234 is 1234, then 12.3 k, 860 M, 2.57 G. */
function count(value: number): string {
  const step = [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e4],
  ].find(([, from]) => value >= Number(from));
  if (!step) return `${value}`;
  return `${Number((value / (step[0] === 'k' ? 1e3 : Number(step[1]))).toPrecision(3))} ${step[0]}`;
}
