import type { Planes } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import type { Runtime } from '../diffusion/runtime/runtime.ts';
import type { Clip } from '../media/clip.ts';
import type { ControlMap } from '../protocol/control-map.ts';
import { openAnnotatorMaps } from './annotator/maps.ts';
import { blurred } from './blur.ts';
import { canny, type Edges } from './canny.ts';
import { colourBlocks, tile } from './coarse.ts';
import { computedMaps } from './computed.ts';
import { openDrawnMaps } from './drawn.ts';
import { lineArt } from './line-art.ts';
import { luminance } from './picture.ts';
import { scribble } from './scribble.ts';
import { softEdge } from './soft-edge.ts';
import { type Nearby, steadyEdges, steadyValues } from './steady.ts';
import type { Surroundings } from './surroundings.ts';

/** The maps of one clip that a ControlNet is shown. */
export type ControlMaps = {
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
  /** What decides the map of a frame besides the clip and the code, for cache keys. */
  identity(frame: number, signal: AbortSignal): Promise<string>;
  /** Three planes of that size in [0, 1], as a ControlNet reads them. Depends on the clip and the frame only, never on earlier calls. */
  mapAt(frame: number, size: Size, signal: AbortSignal): Promise<Planes>;
};

export type ControlMeans = {
  readonly clip: Pick<Clip, 'range' | 'width' | 'height'>;
  /** One for all maps of the clip: they share its pictures and motion. */
  readonly surroundings: Surroundings;
  /** Runs annotators, and nothing else here; stays the caller's, who closes it. */
  readonly runtime: Runtime;
};

/**
 * Makes ready to compute or read the maps of a clip; what can be refused is refused here, before any work.
 * Failures: control-maps-none, control-map-shape; those of openAnnotatorMaps; media-missing, image-unreadable.
 */
export async function openControlMaps(map: ControlMap, means: ControlMeans, signal: AbortSignal): Promise<ControlMaps> {
  const { clip, surroundings } = means;
  const identity = JSON.stringify(map);
  const asSeen = (look: (picture: Planes) => Planes): ControlMaps =>
    computedMaps({ look, draw: (own) => own, steady: false, identity }, surroundings);
  switch (map.kind) {
    case 'images':
      return openDrawnMaps(map.folder, clip, signal);
    case 'annotator':
      return openAnnotatorMaps(map, means, signal);
    case 'canny': {
      const draw = (own: Edges, nearby: readonly Nearby<Edges>[]): Planes => {
        const edges = nearby.length === 0 ? own.edges : steadyEdges(own, nearby, map);
        return { channels: 1, width: own.width, height: own.height, data: Float32Array.from(edges) };
      };
      return computedMaps({ ...map, look: (picture) => canny(picture, map), draw, identity }, surroundings);
    }
    case 'softedge':
      return computedMaps({ ...map, look: softEdge, draw: steadyValues, identity }, surroundings);
    case 'lineart':
      return computedMaps({ ...map, look: lineArt, draw: steadyValues, identity }, surroundings);
    case 'scribble': {
      const draw = (own: Planes, nearby: readonly Nearby<Planes>[]): Planes => scribble(steadyValues(own, nearby));
      return computedMaps({ ...map, look: softEdge, draw, identity }, surroundings);
    }
    case 'luminance':
      return asSeen(luminance);
    case 'tile':
      return asSeen((picture) => tile(picture, map.coarseness));
    case 'blur':
      return asSeen((picture) => blurred(picture, map.coarseness));
    case 'colour':
      return asSeen((picture) => colourBlocks(picture, map.coarseness));
  }
}
