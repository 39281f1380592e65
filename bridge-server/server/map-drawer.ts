import { openControlMaps } from '../control/maps.ts';
import { Surroundings } from '../control/surroundings.ts';
import { frameOf, map, type Planes } from '../diffusion/picture/planes.ts';
import { workingSize } from '../diffusion/picture/size.ts';
import { Failure } from '../errors.ts';
import type { Engine } from '../kernels/engine.ts';
import { encodeJpeg } from '../media/image.ts';
import type { ControlQuestion } from '../protocol/http.ts';
import { type OpenClip, OpenClips } from './open-clips.ts';
import { SideEngine } from './side-engine.ts';
import { Turns } from './turns.ts';

/** What SD 1.5 was trained on. */
const USUAL_AREA = 512 * 512;

/** Draws what a ControlNet would be shown of a frame as for a job: from the whole clip, and at the size that is worked at. */
export class MapDrawer {
  readonly #clips = new OpenClips();
  readonly #side = new SideEngine();
  readonly #turns = new Turns(1);
  /** Of the clip that was asked for last: maps with other settings share its pictures and motion. */
  #last: { readonly of: OpenClip; readonly engine: Engine; readonly surroundings: Surroundings } | null = null;

  /** A JPEG. Failures: frame-outside, those of openControlMaps. */
  async draw(asked: ControlQuestion, signal: AbortSignal): Promise<Uint8Array> {
    const { source, frame, map: wanted, area, width } = asked;
    const whole = { ...source, from: 0, to: null };
    // A part that cannot be read is nobody's business as long as the range can.
    const open = await this.#clips.get(whole).catch(() => this.#clips.get(source));
    const { from, to } = open.clip.range;
    if (frame < from || frame >= to) throw new Failure('frame-outside', { frame, from, to });
    const size = workingSize(open.clip, area ?? USUAL_AREA);
    const draw = (): Promise<Planes> =>
      this.#side.use(async ({ engine, runtime }) => {
        const surroundings = this.#around(open, engine);
        const maps = await openControlMaps(wanted, { clip: open.clip, surroundings, runtime }, signal);
        return maps.mapAt(frame, size, signal);
      }, signal);
    const drawn = await this.#turns.take(draw, signal);
    return encodeJpeg(frameOf(map(drawn, (value) => 2 * value - 1)), { width });
  }

  async close(): Promise<void> {
    await this.#side.close();
    await this.#clips.close();
  }

  #around(open: OpenClip, engine: Engine): Surroundings {
    if (this.#last?.of !== open || this.#last.engine !== engine) {
      const read = open.window.get.bind(open.window);
      this.#last = { of: open, engine, surroundings: new Surroundings(engine, open.clip.range, read) };
    }
    return this.#last.surroundings;
  }
}
