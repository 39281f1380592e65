import { resolve } from 'node:path';
import { findAnnotator } from '../control/annotator/find.ts';
import { builtInMap, type ControlKind } from '../control/kinds.ts';
import { openControlMaps } from '../control/maps.ts';
import { Surroundings } from '../control/surroundings.ts';
import { frameOf, map } from '../diffusion/picture/planes.ts';
import { workingSize } from '../diffusion/picture/size.ts';
import { openRuntime } from '../diffusion/profile.ts';
import { Failure } from '../errors.ts';
import { EXIT } from '../exit.ts';
import { folders } from '../folders.ts';
import { Engine } from '../kernels/engine.ts';
import { refuseOutputAmong } from '../jobs/output.ts';
import { FrameWindow, openClip } from '../media/clip.ts';
import { openImages } from '../media/encode.ts';
import type { Rational } from '../media/rational.ts';
import { ModelStore } from '../models/store.ts';
import { type ControlMap, controlMapSchema } from '../protocol/control-map.ts';
import { duration, sayFailure } from './say.ts';

export type ControlOptions = {
  readonly out: string;
  readonly from?: number;
  readonly to?: number;
  readonly rate?: Rational;
  readonly alpha: 'straight' | 'premultiplied';
  readonly annotator?: string;
  readonly low?: number;
  readonly high?: number;
  readonly gradient?: 'l1' | 'l2';
  readonly coarseness?: number;
  readonly size?: number;
  readonly steady: boolean;
  readonly workers?: number;
  readonly json: boolean;
};

/** Frames of the source that may be kept decoded. */
const WINDOW_BYTES = 256 * 2 ** 20;

/** Writes the control maps of a clip as images named by source frame. The whole clip is at hand: a map is the same in every range. */
export async function control(kind: ControlKind, input: string, options: ControlOptions): Promise<void> {
  const started = performance.now();
  const { rate = null, alpha, json } = options;
  const wanted = await controlMapOf(kind, options);
  const out = resolve(options.out);
  const path = resolve(input);
  await refuseOutputAmong([path], out, 'images');

  const stop = new AbortController();
  const { signal } = stop;
  const cancel = (): void => stop.abort();
  process.on('SIGINT', cancel).on('SIGTERM', cancel).on('SIGHUP', cancel);
  const engine = await Engine.start(options.workers);
  const runtime = openRuntime('small');
  let window: FrameWindow | null = null;
  try {
    const clip = await openClip({ path, from: 0, to: null, rate, alpha }, signal);
    window = new FrameWindow(clip, WINDOW_BYTES);
    const range = { from: options.from ?? clip.range.from, to: options.to ?? clip.range.to };
    if (range.from < clip.range.from || range.from >= range.to || range.to > clip.range.to) {
      throw new Failure('range-outside', { path, ...range, first: clip.range.from, end: clip.range.to });
    }
    const read = window.get.bind(window);
    const surroundings = new Surroundings(engine, clip.range, read);
    const maps = await openControlMaps(wanted, { clip, surroundings, runtime }, signal);
    const size =
      options.size === undefined ? { width: clip.width, height: clip.height } : workingSize(clip, options.size);
    const sink = await openImages(out, { alpha: 'straight' }, signal);
    const frames = range.to - range.from;
    try {
      for (let n = range.from; n < range.to; n++) {
        const planes = await maps.mapAt(n, size, signal);
        signal.throwIfAborted();
        await sink.write(n, frameOf(map(planes, (value) => 2 * value - 1)));
        tell(n + 1 - range.from, frames, json);
      }
      await sink.finish();
    } catch (error) {
      await sink.abandon();
      throw error;
    }
    const seconds = (performance.now() - started) / 1000;
    const { width, height } = size;
    const notes = [...clip.notes, ...maps.notes];
    const peakRssBytes = process.resourceUsage().maxRSS * 1024;
    process.stdout.write(
      json
        ? `${JSON.stringify({ output: out, kind, frames, width, height, seconds, peakRssBytes, notes })}\n`
        : [out, `${frames} maps of ${width}x${height} in ${duration(seconds)}.`, ...notes, ''].join('\n'),
    );
  } catch (error) {
    if (!signal.aborted) throw error;
    if (process.stderr.isTTY && !json) process.stderr.write('\r\x1b[K');
    sayFailure(new Failure('cancelled', undefined), json);
    process.exitCode = EXIT.cancelled;
  } finally {
    process.off('SIGINT', cancel).off('SIGTERM', cancel).off('SIGHUP', cancel);
    runtime.close();
    await window?.close();
    await engine.close();
  }
}

type MapOptions = Pick<ControlOptions, 'annotator' | 'low' | 'high' | 'gradient' | 'coarseness' | 'steady'>;

/** Which options only some kinds understand. */
const OF_SOME: readonly { readonly option: keyof MapOptions; readonly kinds: readonly ControlMap['kind'][] }[] = [
  { option: 'low', kinds: ['canny'] },
  { option: 'high', kinds: ['canny'] },
  { option: 'gradient', kinds: ['canny'] },
  { option: 'coarseness', kinds: ['tile', 'blur', 'colour'] },
];

/**
 * The map that the options ask for: drawn by an annotator where one is given or the kind needs one, which is then looked for in the
 * model store. Failures: arguments-unusable, annotator-missing, annotator-ambiguous.
 */
async function controlMapOf(kind: ControlKind, options: MapOptions): Promise<ControlMap> {
  const { annotator, low, high, gradient, coarseness, steady } = options;
  const builtIn = annotator === undefined ? builtInMap(kind) : null;
  const made = builtIn?.kind ?? 'annotator';
  for (const { option, kinds } of OF_SOME) {
    if (options[option] === undefined || kinds.includes(made)) continue;
    throw new Failure('arguments-unusable', {
      reason: `--${option} is for ${kinds.join(', ')} maps, not for ${kind}.`,
    });
  }
  if (builtIn === null) return { kind: 'annotator', file: annotator ? resolve(annotator) : await stored(kind), steady };
  switch (builtIn.kind) {
    case 'canny':
      return {
        ...builtIn,
        low: low ?? builtIn.low,
        high: high ?? builtIn.high,
        gradient: gradient ?? builtIn.gradient,
        steady,
      };
    case 'tile':
    case 'blur':
    case 'colour':
      return checked({ ...builtIn, coarseness: coarseness ?? builtIn.coarseness });
    case 'softedge':
    case 'lineart':
    case 'scribble':
      return { ...builtIn, steady };
    case 'luminance':
    case 'annotator':
    case 'images':
      return builtIn;
  }
}

function checked(wanted: ControlMap): ControlMap {
  const read = controlMapSchema.safeParse(wanted);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new Failure('arguments-unusable', { reason: `--${issue?.path.join('.')}: ${issue?.message}.` });
}

async function stored(kind: ControlKind): Promise<string> {
  const store = new ModelStore(folders().data);
  try {
    return await findAnnotator(kind, [store.folder, ...store.folders()]);
  } finally {
    store.close();
  }
}

function tell(done: number, total: number, json: boolean): void {
  if (json) process.stderr.write(`${JSON.stringify({ stage: 'control', done, total, unit: 'frames' })}\n`);
  else if (process.stderr.isTTY) {
    process.stderr.write(done < total ? `\r\x1b[KDrawing control maps: ${done} of ${total} frames` : '\r\x1b[K');
  }
}
