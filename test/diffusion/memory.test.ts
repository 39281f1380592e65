import { expect, it } from 'vitest';
import type { PaintSettings } from '../../bridge-server/diffusion/painter.ts';
import { refuseUnpaintable } from '../../bridge-server/diffusion/passes.ts';
import type { Profile } from '../../bridge-server/diffusion/profile.ts';
import { openModel } from '../../bridge-server/weights/model.ts';
import { tinyFolder, TINY_SETTINGS } from './model.ts';

const model = await openModel(await tinyFolder('sd15'));
const AREA = 512 * 512;
const JOINT = { ...TINY_SETTINGS.consistency, attention: 'joint', window: 8 } as const;

/** Whether so much free memory is too little for that many pictures of 512x512. */
function isShort(gigabytes: number, pictures: number, changes: Partial<PaintSettings> = {}, profile: Profile = 'fast') {
  const asked = { profile, pictures, size: { width: 512, height: 512 } };
  try {
    refuseUnpaintable(model, { ...asked, settings: { ...TINY_SETTINGS, area: AREA, ...changes } }, gigabytes * 1e9);
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'memory-short' });
    return true;
  }
}

it('memory is asked for as much as the hungriest network takes', () => {
  // The VAE, one picture at a time.
  expect([isShort(1.1, 100), isShort(1.3, 100)]).toEqual([true, false]);
  // The U-Net, ten keys at a time on both sides of the guidance: 20 times 80 MB.
  expect([isShort(1.5, 100, { consistency: JOINT }), isShort(1.8, 100, { consistency: JOINT })]).toEqual([true, false]);
  // There are no more than three keys to see each other.
  expect(isShort(1.3, 3, { consistency: JOINT })).toBe(false);
  // One side of the guidance at a time, or there is none.
  expect(isShort(1.3, 100, { consistency: JOINT }, 'small')).toBe(false);
  expect(isShort(1.3, 100, { consistency: JOINT, guidance: 1 })).toBe(false);
  // A second pass is larger.
  expect(isShort(2, 1, { secondPass: { scale: 1.5, strength: 0.5 } })).toBe(true);
});
