import { Failure } from '../errors.ts';
import { EXIT } from '../exit.ts';
import { type ParityResult, runParity } from '../parity/parity.ts';

/** Compares the networks, schedulers and pipelines with reference data, case by case. Exit code 1 when one is too far off. */
export async function parity(folder: string, { json }: { json: boolean }): Promise<void> {
  const stop = new AbortController();
  const cancel = () => stop.abort(new Failure('cancelled', undefined));
  process.on('SIGINT', cancel).on('SIGTERM', cancel);
  try {
    const report = await runParity(folder, stop.signal, (result) => {
      if (!json) process.stdout.write(line(result));
    });
    if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else {
      for (const name of report.notBuilt) process.stdout.write(`not built yet  ${name}\n`);
      process.stdout.write(`${report.passed} within tolerance, ${report.failed} not.\n`);
    }
    if (report.failed > 0) process.exitCode = EXIT.failed;
  } finally {
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
  }
}

function line({ ok, folder, id, relativeL2, maxAbs, tolerance, metric, error }: ParityResult): string {
  const show = (name: string, value: number, key: ParityResult['metric']) =>
    `${name} ${value.toExponential(1)}${key === metric ? ` (up to ${tolerance})` : ''}`;
  const measured = `${show('relative L2', relativeL2, 'relativeL2')}, ${show('largest', maxAbs, 'maxAbs')}`;
  return `${ok ? 'ok      ' : 'TOO FAR '} ${folder}/${id}: ${error ?? measured}\n`;
}
