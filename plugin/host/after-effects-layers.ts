import type { Composition, Layer } from './after-effects-api.ts';
import type { AfterEffectsSpot } from './host.ts';
import type { Rational } from './time.ts';

/** Seconds are floating point: what is nearer than this to a whole frame is that frame. */
export const SLACK = 0.01;

export const secondsOf = ({ num, den }: Rational, frames: number): number => (frames * den) / num;
export const framesOf = ({ num, den }: Rational, seconds: number): number => (seconds * num) / den;

/** Composition frames, half-open. */
export const wholeFrames = ({ frameDuration }: Composition, from: number, to: number): [number, number] => [
  Math.round(from / frameDuration),
  Math.round(to / frameDuration),
];

/** What of a layer its composition shows, in whole frames of it. */
export const visibleFrames = (comp: Composition, layer: Layer): [number, number] =>
  wholeFrames(comp, Math.max(0, layer.inPoint), Math.min(comp.duration, layer.outPoint));

export const layersOf = (comp: Composition): Layer[] =>
  Array.from({ length: comp.numLayers }, (_, n) => comp.layer(n + 1));

export const isRetimed = ({ timeRemapEnabled, stretch }: Layer): boolean =>
  timeRemapEnabled || Math.abs(stretch - 100) > 1e-6;

/** The layer that was selected: by its id, else, where it was cut and made anew, by what it shows. Null when it is gone. */
export function findLayer(comp: Composition, spot: AfterEffectsSpot): Layer | null {
  const fits = (layer: Layer): boolean =>
    (layer.source?.id ?? null) === spot.source &&
    layer.timeRemapEnabled === spot.remapped &&
    Math.abs(layer.stretch - spot.stretch) < 1e-6;
  const inComp = layersOf(comp);
  const same = inComp.find(({ id }) => id === spot.layer);
  if (same && fits(same)) return same;
  return spot.source === null ? null : (inComp.find(fits) ?? null);
}

const TRANSFORM = ['ADBE Anchor Point', 'ADBE Position', 'ADBE Scale', 'ADBE Rotate Z'];

/** Whether the layer's place in the picture can be given to another layer: it stands still, in two dimensions, on its own. */
export function standsStill(layer: Layer): boolean {
  const group = layer.property('ADBE Transform Group');
  return (
    layer.parent === null &&
    !layer.threeDLayer &&
    TRANSFORM.every((name) => {
      const property = group?.property?.(name);
      return !property?.isTimeVarying && !property?.dimensionsSeparated;
    })
  );
}

/** Gives `to` the place in the picture of `from`, where that stands still. */
export function copyTransform(from: Layer, to: Layer): void {
  if (!standsStill(from)) return;
  const [source, target] = [from, to].map((layer) => layer.property('ADBE Transform Group'));
  for (const name of TRANSFORM) {
    const value = source?.property?.(name)?.value;
    if (value !== undefined) target?.property?.(name)?.setValue?.(value);
  }
}
