import { machineHasGpu } from '../diffusion/runtime/providers.ts';
import { Gpu } from '../propagate/gpu/gpu.ts';
import { Crash, Refusal } from '../side-process.ts';

/** The setting that leaves the graphics card alone (`off`), or also takes one that only pretends, for tests (`software`). */
const SETTING = 'PENTIMENTO_GPU';

/** A driver that takes longer to come up is not waited for. */
const PATIENCE_MS = 20_000;

/** The machine's graphics card, or in words why there is none to compute on. */
export async function openGraphics(signal: AbortSignal): Promise<Gpu | string> {
  const setting = process.env[SETTING];
  if (setting === 'off') return `${SETTING} is off`;
  // Cheaper than starting a process to be told so.
  if (setting !== 'software' && !machineHasGpu()) return 'this machine has none';
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await Gpu.open({ software: setting === 'software' }, AbortSignal.any([signal, patience]));
  } catch (error) {
    signal.throwIfAborted();
    if (patience.aborted) return 'its driver does not answer';
    if (error instanceof Refusal || error instanceof Crash) return error.message;
    throw error;
  }
}
