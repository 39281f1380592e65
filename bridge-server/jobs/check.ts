import { refuseUnpaintable } from '../diffusion/passes.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { paintsKeys, refuseChosen } from './chosen.ts';
import type { Task } from './job.ts';
import { openLook, settingsOf } from './model.ts';
import { refuseOutput } from './output.ts';
import { checkTraining } from './training.ts';

/** A picture of any size is worked at the pixels that the look says: only its shape is its own. */
const ANY_SIZE = { width: 512, height: 512 };

/** Refuses, before a job is made of it, what could not be done. Failures: those of checkRequest and checkTraining. */
export async function checkTask(task: Task, heldBytes: number): Promise<void> {
  if (task.kind === 'render') await checkRequest(task.request, heldBytes);
  else await checkTraining(task.request, heldBytes);
}

/**
 * Refuses, before a job is made of it, a request that could not be done: an output that would land on its input, model files that
 * are not what they should be or do not go together, more memory than there is. Failures: those of refuseOutput, openLook and
 * refuseUnpaintable.
 *
 * @param heldBytes memory that is taken now, and would be given back for this request
 */
export async function checkRequest(request: RenderRequest, heldBytes: number): Promise<void> {
  await refuseOutput(request);
  refuseChosen(request, request.source);
  const { look, profile } = request;
  if (look.kind !== 'diffusion' || !paintsKeys(request)) return;
  const { model, vae, controls, motion } = await openLook(look);
  const asked = { settings: settingsOf(look), profile, pictures: fewestKeys(request), size: ANY_SIZE };
  refuseUnpaintable(model, { ...asked, controls, motion, ...(vae && { vae }) }, process.availableMemory() + heldBytes);
}

/** As far as the request tells without its clip: the job itself checks again when it knows its keys. */
function fewestKeys({ keys, source: { from, to } }: RenderRequest): number {
  if (keys.kind === 'chosen') return keys.keys.length;
  return keys.kind === 'every' && to !== null ? Math.max(1, Math.ceil((to - from) / keys.step)) : 1;
}
