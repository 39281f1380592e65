import type { Planes } from '../diffusion/picture/planes.ts';
import { blurred } from './blur.ts';
import { luminance } from './picture.ts';
import { unitOf } from './soft-edge.ts';

/** Deviation of the finer Gaussian at 512, and how much wider the other is: about that of the eye's receptive fields. */
const FINE = 0.9;
const RATIO = 1.6;
/** A line's contrast, against the light around it, where it begins to show and where it is as good as white. */
const FAINT = 0.012;
const FULL = 0.06;
/** Added to the light around: darker than this, contrast is noise. */
const DARKEST = 0.12;

/**
 * Line art: where a difference of two Gaussians says that a pixel is darker than its surroundings (Marr and Hildreth 1980, as XDoG of
 * Winnemöller et al. 2012 draws with it), by contrast rather than by difference, so that lines go on in the shade. White on black.
 *
 * @param picture three planes in [0, 1]
 * @returns one plane in [0, 1]
 */
export function lineArt(picture: Planes): Planes {
  const unit = unitOf(picture);
  const fine = blurred(luminance(picture), FINE * unit);
  const { data: around } = blurred(fine, FINE * unit * Math.sqrt(RATIO ** 2 - 1));
  const data = fine.data.map((value, p) => {
    const contrast = (around[p]! - value) / (around[p]! + DARKEST);
    const t = Math.min(Math.max((contrast - FAINT) / (FULL - FAINT), 0), 1);
    return t * t * (3 - 2 * t);
  });
  return { ...fine, data };
}
