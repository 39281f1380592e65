import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Failure } from '../errors.ts';
import { EXIT } from '../exit.ts';
import { Engine } from '../kernels/engine.ts';
import { openFootage } from '../measure/footage.ts';
import { stabilityGraph } from '../measure/graph.ts';
import { measure, type FrameMeasures } from '../measure/measure.ts';
import { inWords, overall } from '../measure/report.ts';
import { writing } from '../media/destination.ts';
import { sayFailure } from './say.ts';

export type MeasureOptions = {
  readonly source: string;
  readonly result: string;
  readonly truth?: string;
  readonly from?: number;
  readonly to?: number;
  readonly graph?: string;
  readonly workers?: number;
  readonly json: boolean;
};

/** Says how close a result is to the truth, if there is one, and how steady it is along the source's motion. */
export async function measureCommand({
  source,
  result,
  truth,
  from,
  to,
  graph,
  workers,
  json,
}: MeasureOptions): Promise<void> {
  const stop = new AbortController();
  const cancel = (): void => stop.abort();
  process.on('SIGINT', cancel).on('SIGTERM', cancel).on('SIGHUP', cancel);
  const engine = await Engine.start(workers);
  try {
    const paths = {
      source: resolve(source),
      result: resolve(result),
      truth: truth === undefined ? null : resolve(truth),
    };
    const footage = await openFootage({ ...paths, from: from ?? null, to: to ?? null }, stop.signal);
    const frames: FrameMeasures[] = [];
    for await (const frame of measure(engine, footage, tell(json), stop.signal)) frames.push(frame);
    if (graph !== undefined) {
      const path = resolve(graph);
      const png = await stabilityGraph(frames);
      await writing(path, () => writeFile(path, png));
    }
    const { width, height } = footage;
    const report = { ...paths, width, height, overall: overall(frames), frames };
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : inWords(frames));
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    if (process.stderr.isTTY && !json) process.stderr.write('\r\x1b[K');
    sayFailure(new Failure('cancelled', undefined), json);
    process.exitCode = EXIT.cancelled;
  } finally {
    process.off('SIGINT', cancel).off('SIGTERM', cancel).off('SIGHUP', cancel);
    await engine.close();
  }
}

/** On stderr: JSON lines, or on a terminal one line that changes. */
function tell(json: boolean): (done: number, total: number) => void {
  return (done, total) => {
    if (json) process.stderr.write(`${JSON.stringify({ stage: 'measure', done, total, unit: 'frames' })}\n`);
    else if (process.stderr.isTTY)
      process.stderr.write(done < total ? `\r\x1b[KMeasuring: ${done} of ${total} frames` : '\r\x1b[K');
  };
}
