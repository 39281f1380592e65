import type { Engine } from '../kernels/engine.ts';
import type { Frame } from '../media/frame.ts';
import { Easel } from './easel.ts';

/** Lengths in pixels at 1080p. */
const LINE_WIDTH = 1.7;
const LINE_LENGTH = 9;
const HATCH_SPACING = 4.5;

/** Pen and wash: lines along the edges, hatching in the shadows that follows the forms, a grey wash under it. */
export function ink(engine: Engine, frame: Frame, signal: AbortSignal): Promise<Frame> {
  return Easel.paint(engine, frame, signal, async (easel) => {
    const { width, height, scale } = easel;
    const picture = await easel.picture();
    const tangents = await easel.tangents(picture, Math.max(1.2, 3.5 * scale));
    const lightness = easel.plane();
    await easel.run('lookPaper', picture, lightness, width, height);
    const smooth = picture;
    await easel.blur(lightness, smooth, Math.max(1.2, HATCH_SPACING * scale));
    const across = easel.plane();
    const lineWidth = Math.max(0.7, LINE_WIDTH * scale);
    await easel.runSliced(
      'lookAcross',
      lightness,
      smooth,
      tangents,
      across,
      width,
      height,
      lineWidth,
      Math.max(1, scale),
    );
    const strokes = smooth;
    await easel.along(across, tangents, strokes, Math.max(2.5, LINE_LENGTH * scale));
    const strength = across;
    await easel.run('lookStrength', strokes, strength, width, height);
    await easel.blur(strength, strength, Math.max(2, 2 * HATCH_SPACING * scale));
    await easel.run('lookInk', strokes, strength, lightness, width, height);
    return lightness;
  });
}
