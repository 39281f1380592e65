import { type Planes, withData } from '../diffusion/picture/planes.ts';
import { blurred } from './blur.ts';
import { luminance } from './picture.ts';
import { unitOf } from './soft-edge.ts';

/** Deviations of the finer Gaussian at 512, for sharp lines and for soft ones. */
const PENS = [0.9, 2];
/** How much wider the other Gaussian is: about that of the eye's receptive fields. */
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
  const luma = luminance(picture);
  const lines = new Float32Array(luma.data.length);
  for (const pen of PENS) {
    const fine = blurred(luma, pen * unit);
    const { data: around } = blurred(fine, pen * unit * Math.sqrt(RATIO ** 2 - 1));
    for (let p = 0; p < lines.length; p++) {
      const contrast = (around[p]! - fine.data[p]!) / (around[p]! + DARKEST);
      const t = Math.min(Math.max((contrast - FAINT) / (FULL - FAINT), 0), 1);
      lines[p] = Math.max(lines[p]!, t * t * (3 - 2 * t));
    }
  }
  return withData(luma, lines);
}
