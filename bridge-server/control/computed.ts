import type { Planes } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import type { ControlMaps } from './maps.ts';
import { Recent } from './recent.ts';
import type { Nearby } from './steady.ts';
import { type Surroundings, WINDOW } from './surroundings.ts';

/** How a map comes about: what each frame shows by itself, and what is drawn from that and what its neighbours show. */
export type Computation<T> = {
  readonly look: (picture: Planes, signal: AbortSignal) => T | Promise<T>;
  /** One plane or three; `nearby` is empty where the map is not to be steadied. */
  readonly draw: (own: T, nearby: readonly Nearby<T>[]) => Planes;
  readonly steady: boolean;
  /** What decides the result besides the pictures. */
  readonly identity: string;
};

/** Maps that are made of the clip's own pictures. Keeps what one window of frames shows. */
export function computedMaps<T>(
  { look, draw, steady, identity }: Computation<T>,
  surroundings: Surroundings,
): ControlMaps {
  const looks = new Recent<T>(WINDOW);
  const lookAt = (frame: number, size: Size, signal: AbortSignal): Promise<T> =>
    looks.get(`${frame} ${size.width}x${size.height}`, async () =>
      look(await surroundings.picture(frame, size, signal), signal),
    );
  return {
    notes: [],
    identity: () => Promise.resolve(identity),
    async mapAt(frame, size, signal) {
      const nearby: Nearby<T>[] = [];
      for (const neighbour of steady ? await surroundings.neighbours(frame, size, signal) : []) {
        signal.throwIfAborted();
        nearby.push({ ...neighbour, values: await lookAt(neighbour.frame, size, signal) });
      }
      return inColour(draw(await lookAt(frame, size, signal), nearby));
    },
  };
}

/** One plane as three that are alike. */
function inColour(planes: Planes): Planes {
  if (planes.channels === 3) return planes;
  const area = planes.width * planes.height;
  const data = new Float32Array(3 * area);
  for (let c = 0; c < 3; c++) data.set(planes.data, c * area);
  return { ...planes, channels: 3, data };
}
