import type { Planes } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import type { Clip } from '../media/clip.ts';
import type { ControlMap } from '../protocol/control-map.ts';
import { blurred } from './blur.ts';
import { canny } from './canny.ts';
import { colourBlocks, tile } from './coarse.ts';
import { openDrawnMaps } from './drawn.ts';
import { lineArt } from './line-art.ts';
import { luminance } from './picture.ts';
import { Recent } from './recent.ts';
import { scribble } from './scribble.ts';
import { softEdge } from './soft-edge.ts';
import { type Nearby, steadyEdges, steadyValues } from './steady.ts';
import { type Surroundings, WINDOW } from './surroundings.ts';

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
};

/**
 * Makes ready to draw, compute or read the maps of a clip; everything that can be refused is refused here.
 * Failures: control-maps-none, control-map-shape; media-missing, image-unreadable.
 */
export async function openControlMaps(map: ControlMap, means: ControlMeans, signal: AbortSignal): Promise<ControlMaps> {
  switch (map.kind) {
    case 'images':
      return openDrawnMaps(map.folder, means.clip, signal);
    case 'canny':
      return computed(
        map,
        means,
        (picture) => canny(picture, map),
        (own, nearby) => {
          const { width, height } = own;
          return { channels: 1, width, height, data: Float32Array.from(steadyEdges(own, nearby, map)) };
        },
      );
    case 'softedge':
      return computed(map, means, softEdge, steadyValues);
    case 'lineart':
      return computed(map, means, lineArt, steadyValues);
    case 'scribble':
      return computed(map, means, softEdge, (own, nearby) => scribble(steadyValues(own, nearby)));
    case 'luminance':
      return computed(map, means, luminance, asItIs);
    case 'tile':
      return computed(map, means, (picture) => tile(picture, map.coarseness), asItIs);
    case 'blur':
      return computed(map, means, (picture) => blurred(picture, map.coarseness), asItIs);
    case 'colour':
      return computed(map, means, (picture) => colourBlocks(picture, map.coarseness), asItIs);
  }
}

/** @param look what one frame alone shows. @param draw the map, from that and what the neighbours show. */
function computed<T>(
  map: ControlMap,
  { surroundings }: ControlMeans,
  look: (picture: Planes, signal: AbortSignal) => T | Promise<T>,
  draw: (own: T, nearby: readonly Nearby<T>[]) => Planes,
): ControlMaps {
  const looks = new Recent<T>(WINDOW);
  const lookAt = (frame: number, size: Size, signal: AbortSignal): Promise<T> =>
    looks.get(`${frame} ${size.width}x${size.height}`, async () =>
      look(await surroundings.picture(frame, size, signal), signal),
    );
  const isSteady = 'steady' in map && map.steady;
  return {
    notes: [],
    identity: () => Promise.resolve(JSON.stringify(map)),
    async mapAt(frame, size, signal) {
      const nearby: Nearby<T>[] = [];
      for (const neighbour of isSteady ? await surroundings.neighbours(frame, size, signal) : []) {
        signal.throwIfAborted();
        nearby.push({ ...neighbour, values: await lookAt(neighbour.frame, size, signal) });
      }
      return inColour(draw(await lookAt(frame, size, signal), nearby));
    },
  };
}

const asItIs = (planes: Planes): Planes => planes;

/** One plane as three that are alike. */
export function inColour(planes: Planes): Planes {
  if (planes.channels === 3) return planes;
  const area = planes.width * planes.height;
  const data = new Float32Array(3 * area);
  for (let c = 0; c < 3; c++) data.set(planes.data, c * area);
  return { ...planes, channels: 3, data };
}
