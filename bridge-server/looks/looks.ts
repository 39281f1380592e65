import type { Engine } from '../kernels/engine.ts';
import type { Frame } from '../media/frame.ts';
import type { BuiltInLook } from '../protocol/request.ts';
import { ink } from './ink.ts';
import { oil } from './oil.ts';
import { poster } from './poster.ts';

/**
 * Repaints one picture. Any size; the result has the same size and the same alpha, bit for bit, and looks the same for the same
 * picture in another resolution. Deterministic whatever the number of workers. Rejects with the signal's reason within a second of an abort.
 */
export type Look = (engine: Engine, frame: Frame, signal: AbortSignal) => Promise<Frame>;

/** The looks that need no model. */
export const LOOKS: Readonly<Record<BuiltInLook, Look>> = {
  none: (_engine, frame) => Promise.resolve(frame),
  ink,
  oil,
  poster,
};
