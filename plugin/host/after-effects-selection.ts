import {
  isComposition,
  isFootage,
  type Application,
  type Composition,
  type Footage,
  type Layer,
  type Property,
} from './after-effects-api.ts';
import {
  findLayer,
  framesOf,
  isRetimed,
  secondsOf,
  SLACK,
  standsStill,
  visibleFrames,
} from './after-effects-layers.ts';
import { rateOf, readMade } from './after-effects-project.ts';
import type { AfterEffectsSpot, ExportReason, Notice, SelectedClip, Selection, Shot, ShotMarker } from './host.ts';
import { isImage, numberedImage } from './images.ts';
import { HostProblem } from './problem.ts';
import { rateOfNumber, sameRate } from './time.ts';

export function readSelection(app: Application, withEffects: boolean): Selection {
  const comp = app.project?.activeItem ?? null;
  if (!isComposition(comp)) return { timeline: null, clips: [] };
  const { name, width, height, pixelAspect } = comp;
  return {
    timeline: { name, rate: rateOfNumber(comp.frameRate), width, height, pixelAspect },
    clips: comp.selectedLayers.map((layer): SelectedClip => {
      try {
        return { usable: true, name: layer.name, shot: readShot(comp, layer, withEffects) };
      } catch (error) {
        if (!(error instanceof HostProblem)) throw error;
        return { usable: false, name: layer.name, reason: error };
      }
    }),
  };
}

function readShot(comp: Composition, layer: Layer, withEffects: boolean): Shot {
  if (layer.adjustmentLayer) throw new HostProblem('adjustment-layer');
  if (!layer.hasVideo || layer.nullLayer) throw new HostProblem('no-picture');
  const made = isFootage(layer.source) ? readMade(layer.source) : null;
  if (made) {
    const { path, from, to } = made.request.source;
    const { rate } = made.spot;
    const markers = markersOf(comp, layer, (seconds) => from + framesOf(rate, seconds - layer.startTime), { from, to });
    return { source: { path, from, to }, rate, notices: [], markers, export: null, spot: made.spot, made };
  }
  const effects = effectsOf(layer);
  const file = fileOf(layer);
  if (file.why !== null) return exported(comp, layer, file.why);
  if (isRetimed(layer)) return exported(comp, layer, 'retimed');
  if (withEffects && effects.length > 0) return exported(comp, layer, 'effects');

  const { footage, path } = file;
  const rate = rateOf(footage);
  const { folder, first } = numberedImage(path) ?? { folder: path, first: 0 };
  const shown = shownFrames(comp, layer, footage);
  const source = { path: folder, from: first + shown.from, to: first + shown.to };
  const notices: Notice[] = [];
  if (effects.length > 0) notices.push({ code: 'effects', names: effects });
  if (!sameRate(rate, rateOfNumber(comp.frameRate))) notices.push({ code: 'rate-differs', rate });
  if (!layer.enabled) notices.push({ code: 'disabled' });
  if (!standsStill(layer)) notices.push({ code: 'motion' });
  return {
    source,
    rate,
    notices,
    markers: markersOf(comp, layer, (seconds) => first + framesOf(rate, seconds - layer.startTime), source),
    export: null,
    spot: { ...spotOf(comp, layer), exported: false, paintedFrom: shown.from, paintedTo: shown.to, rate },
    made: null,
  };
}

const spotOf = (comp: Composition, layer: Layer) => ({
  ...{ host: 'after-effects' as const, comp: comp.id, layer: layer.id, source: layer.source?.id ?? null },
  ...{ stretch: layer.stretch, remapped: layer.timeRemapEnabled },
});

/** A layer that the editor has to render: its frames are the composition's. */
function exported(comp: Composition, layer: Layer, why: ExportReason): Shot {
  const [start, end] = visibleFrames(comp, layer);
  if (end <= start) throw new HostProblem('no-picture');
  const rate = rateOfNumber(comp.frameRate);
  // The start time need not be on a frame.
  const paintedFrom = framesOf(rate, start * comp.frameDuration - layer.startTime);
  const source = { path: '', from: 0, to: end - start };
  return {
    ...{ source, rate, notices: layer.enabled ? [] : [{ code: 'disabled' }] },
    markers: markersOf(comp, layer, (seconds) => seconds / comp.frameDuration - start, source),
    export: why,
    spot: { ...spotOf(comp, layer), exported: true, paintedFrom, paintedTo: paintedFrom + (end - start), rate },
    made: null,
  };
}

type File =
  | { readonly why: null; readonly footage: Footage; readonly path: string }
  /** There is none to paint from. */
  | { readonly why: ExportReason };

function fileOf({ source }: Layer): File {
  if (isComposition(source)) return { why: 'nested' };
  // Text and shapes have no source.
  if (!isFootage(source)) return { why: 'generated' };
  if (source.footageMissing) throw new HostProblem('offline');
  if (source.file === null) return { why: 'generated' };
  const single = isImage(source.file) && !numberedImage(source.file);
  if (source.mainSource.isStill || single) return { why: 'still' };
  return { why: null, footage: source, path: source.file };
}

function effectsOf(layer: Layer): string[] {
  const effects = layer.property('ADBE Effect Parade');
  return Array.from({ length: effects?.numProperties ?? 0 }, (_, n) => effects?.property?.(n + 1)?.name ?? '');
}

/** Every frame of the footage that the layer shows within its composition. */
function shownFrames(comp: Composition, layer: Layer, footage: Footage) {
  const rate = rateOf(footage);
  const [start, end] = visibleFrames(comp, layer);
  const frames = (at: number): number => framesOf(rate, at * comp.frameDuration - layer.startTime);
  const count = Math.round(framesOf(rate, footage.duration));
  const from = Math.max(0, Math.floor(frames(start) + SLACK));
  const to = Math.min(count, Math.ceil(frames(end) - SLACK));
  if (to <= from) throw new HostProblem('no-picture');
  return { from, to };
}

/** Markers of the composition where the layer is seen, and of the layer; each frame once. */
function markersOf(
  comp: Composition,
  layer: Layer,
  frameAt: (seconds: number) => number,
  range: { readonly from: number; readonly to: number | null },
): ShotMarker[] {
  const found = new Map<number, string>();
  for (const markers of [comp.markerProperty, layer.property('ADBE Marker')] as (Property | null)[]) {
    for (let n = 1; n <= (markers?.numKeys ?? 0); n++) {
      const frame = Math.floor(frameAt(markers!.keyTime!(n)) + SLACK);
      if (frame >= range.from && (range.to === null || frame < range.to)) {
        found.set(frame, markers!.keyValue!(n).comment);
      }
    }
  }
  return [...found].map(([frame, name]) => ({ frame, name })).sort((a, b) => a.frame - b.frame);
}

/** The frame of the shot's source at the playhead of its composition. */
export function readPlayhead(app: Application, { source }: Shot, spot: AfterEffectsSpot): number | null {
  const comp = app.project?.itemByID(spot.comp) ?? null;
  const layer = isComposition(comp) ? findLayer(comp, spot) : null;
  if (!isComposition(comp) || !layer) return null;
  const [start, end] = visibleFrames(comp, layer);
  const now = Math.round(comp.time / comp.frameDuration);
  if (now < start || now >= end) return null;
  const from = layer.startTime + secondsOf(spot.rate, spot.paintedFrom);
  const frame = source.from + Math.floor(framesOf(spot.rate, now * comp.frameDuration - from) + SLACK);
  return frame >= source.from && (source.to === null || frame < source.to) ? frame : null;
}
