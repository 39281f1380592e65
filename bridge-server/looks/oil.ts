import type { Engine } from '../kernels/engine.ts';
import type { Frame } from '../media/frame.ts';
import { Easel } from './easel.ts';

/** Lengths in pixels at 1080p. */
const BRUSH_RADIUS = 12;
const BRISTLE_LENGTH = 13;
/** Samples from the middle of a stroke to its rim. */
const MOST_SAMPLES = 4.5;

/** Oil paint: colour laid in strokes that follow the forms, bristles drawn out of the picture's own detail, light on the ridges. */
export function oil(engine: Engine, frame: Frame, signal: AbortSignal): Promise<Frame> {
  return Easel.paint(engine, frame, signal, async (easel) => {
    const { width, height, scale } = easel;
    const picture = await easel.picture();
    const tangents = await easel.tangents(picture, Math.max(1.4, 4 * scale));

    const radius = Math.max(2.5, BRUSH_RADIUS * scale);
    const step = Math.ceil(radius / MOST_SAMPLES);
    const smooth = easel.plane();
    await easel.blur(picture, smooth, Math.max(0.5, 0.45 * step));
    const painted = easel.plane();
    await easel.runSliced('lookKuwahara', smooth, tangents, painted, width, height, radius, step);

    await easel.blur(picture, smooth, Math.max(1.2, 4 * scale));
    const detail = easel.plane();
    await easel.run('lookDetail', picture, smooth, detail, width, height);
    const bristles = smooth;
    await easel.along(detail, tangents, bristles, Math.max(3, BRISTLE_LENGTH * scale));
    await easel.run(
      'lookImpasto',
      painted,
      bristles,
      picture,
      width,
      height,
      1.1,
      0.55,
      1.18,
      Math.max(1, Math.round(scale)),
    );
    return picture;
  });
}
