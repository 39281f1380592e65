import { openRuntime } from '../diffusion/profile.ts';
import { CELL } from '../diffusion/networks/autoencoder.ts';
import { CHUNK_LENGTH } from '../diffusion/text/tokenizer.ts';
import type { TrainEstimate, TrainRequest } from '../protocol/train-request.ts';
import { requirePart } from '../weights/model.ts';
import { bucketOf } from './bucket.ts';
import { recordTraining } from './graph.ts';
import { trainedLora } from './lora.ts';
import { keepFor, neededBytesFor, openTrainable } from './preflight.ts';
import { measureSpeed, secondsOf } from './speed.ts';

/**
 * What a training takes on this machine, about: the step is recorded and its work counted, the machine's speed is measured now, for
 * about a second. Of steps only: clips that are looked at and pictures that are painted come on top. Failures: those of openTrainable.
 *
 * @param freeBytes memory that it may use
 */
export async function estimateOf(
  request: TrainRequest,
  freeBytes: number,
  signal: AbortSignal,
): Promise<TrainEstimate> {
  const { model, area } = await openTrainable(request, freeBytes);
  const { settings, prior } = request;
  const unet = requirePart(model, 'unet');
  const size = bucketOf({ width: 1, height: 1 }, area);
  const runtime = openRuntime('small');
  try {
    const speed = await measureSpeed(runtime, signal);
    const sizes = { batch: 1, height: size.height / CELL, width: size.width / CELL, tokens: CHUNK_LENGTH };
    const { cost } = recordTraining(unet, sizes, trainedLora(unet, settings), keepFor(model));
    const networkRuns = settings.accumulate * (prior && settings.priorWeight > 0 ? 2 : 1);
    const secondsPerStep = networkRuns * secondsOf(cost, speed);
    return {
      secondsPerStep,
      seconds: secondsPerStep * settings.steps,
      neededBytes: neededBytesFor(model, size, request),
      freeBytes,
    };
  } finally {
    runtime.close();
  }
}
