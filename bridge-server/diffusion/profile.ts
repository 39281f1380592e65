import { Failure } from '../errors.ts';
import type { Storage } from '../onnx/model.ts';
import type { RenderRequest } from '../protocol/request.ts';
import type { Part } from '../weights/model.ts';
import { bytesOf } from './networks/memory.ts';
import type { GuidanceCalls } from './networks/unet.ts';
import type { Size } from './picture/size.ts';
import { platformProviders } from './runtime/providers.ts';
import { Runtime } from './runtime/runtime.ts';

export type Profile = RenderRequest['profile'];

/**
 * How the networks are run. It follows from the request alone, never from what the machine happens to have free or what is already
 * done: other kernels round differently, and the same request gives the same frames. The VAE is always folded: its weights are few
 * and load in half a second.
 */
export type Plan = {
  readonly unet: Storage;
  readonly guidance: GuidanceCalls;
  /** Side of the VAE's tiles in pixels; null: pictures are worked whole. */
  readonly tilePixels: number | null;
};

/**
 * From how many steps on folding and packing the UNet's weights costs less time than it saves. Measured on SD 1.5: 10 to 20 s, for
 * 1.2 s of each call with both sides of the guidance. Steps are counted as asked; half of them are calls at the usual strength.
 */
const FOLDING_PAYS = 40;

/** Beyond this many pixels the VAE works in tiles: its memory grows with the area. */
const WHOLE_AREA = 1280 * 1280;
const TILE_PIXELS = 512;

/**
 * fast: begins at once, weights mapped. quality: the same for a few pictures, weights folded for many. small: one network at a time,
 * mapped, one side of the guidance at a time, the VAE in tiles.
 *
 * @param unetCalls of the whole request, with both sides of the guidance counted once
 */
export function planFor(profile: Profile, { unetCalls, size }: { unetCalls: number; size: Size }): Plan {
  const isLarge = size.width * size.height > WHOLE_AREA;
  switch (profile) {
    case 'fast':
    case 'quality': {
      const storage = profile === 'quality' && unetCalls >= FOLDING_PAYS ? 'folded' : 'mapped';
      const tilePixels = isLarge ? TILE_PIXELS : null;
      return { unet: storage, guidance: 'batched', tilePixels };
    }
    case 'small':
      return { unet: 'mapped', guidance: 'split', tilePixels: TILE_PIXELS };
  }
}

/** How much of the free memory loaded networks may take together, so that pictures fit beside them. */
const LOADED_SHARE = 0.7;

/**
 * Where networks run, in this platform's order of providers. What is loaded stays for the next painter, within a budget; in the
 * profile small one network at a time is loaded.
 *
 * @param threads CPU threads; null: one for each core. Another number rounds differently.
 */
export function openRuntime(profile: Profile, threads: number | null = null): Runtime {
  const budgetBytes = profile === 'small' ? 0 : process.availableMemory() * LOADED_SHARE;
  return new Runtime({ budgetBytes, providers: platformProviders(), threads });
}

/**
 * Bytes for each pixel of what a network computes between its first and last layer; measured at 512x512: 1.1 GB for the VAE, which takes
 * one picture at a time, and 80 MB for the U-Net and each picture of a batch.
 */
const VAE_BYTES = 4500;
const UNET_BYTES = 320;

/**
 * Refuses a plan that this machine has no memory for. Mapped weights need none: the system drops their pages and reads them again.
 *
 * @param batch pictures that the U-Net works on in one call, at most
 */
export function checkMemory(
  profile: Profile,
  plan: Plan,
  { parts, size, batch }: { readonly parts: readonly Part[]; readonly size: Size; readonly batch: number },
  freeBytes: number,
): void {
  const folded = plan.unet === 'folded' ? parts.reduce((sum, part) => sum + bytesOf(part, 'folded'), 0) : 0;
  const area = size.width * size.height;
  const decoded = plan.tilePixels === null ? area : plan.tilePixels ** 2;
  const neededBytes = folded + Math.max(decoded * VAE_BYTES, batch * area * UNET_BYTES);
  if (neededBytes > freeBytes) throw new Failure('memory-short', { profile, neededBytes, freeBytes });
}
