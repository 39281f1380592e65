import { join } from 'node:path';
import { Failure } from '../errors.ts';
import type { RenderJob } from '../jobs/job.ts';
import type { Jobs } from '../jobs/queue.ts';
import type { Frame } from '../media/frame.ts';
import { encodeJpeg, readImage } from '../media/image.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { markOf, type OpenClips } from './open-clips.ts';
import { Turns } from './turns.ts';

/** Pictures that are made at once: each holds a whole frame. */
const AT_ONCE = 2;
/** What finished JPEGs may take: hundreds of the usual size. */
const KEPT_BYTES = 32 * 2 ** 20;

/** Frames of sources and of results as small JPEGs. What was shown lately is shown again at once. */
export class Gallery {
  readonly #jobs: Jobs;
  readonly #clips: OpenClips;
  readonly #turns = new Turns(AT_ONCE);
  /** Least recently used first. */
  readonly #kept = new Map<string, Buffer>();
  #keptBytes = 0;

  constructor(jobs: Jobs, clips: OpenClips) {
    this.#jobs = jobs;
    this.#clips = clips;
  }

  /** A frame of a source, at most `width` pixels wide. Failures: frame-outside, and those of reading it. */
  async ofSource(
    source: RenderRequest['source'],
    frame: number,
    width: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { clip, window, mark } = await this.#clips.get(source);
    const { from, to } = clip.range;
    if (frame < from || frame >= to) throw new Failure('frame-outside', { frame, from, to });
    return this.#shown(`${mark} ${frame} ${width}`, width, signal, () => window.get(frame, signal));
  }

  /**
   * A frame of what becomes of a job, by its number in the source: as delivered, or while it is made as far as it is made. Failures:
   * frame-outside, frame-missing, and those of reading it.
   */
  async ofResult(job: RenderJob, frame: number, width: number, signal: AbortSignal): Promise<Uint8Array> {
    if (job.state.state !== 'done') return this.#ofUnfinished(job, frame, width, signal);
    const { range, output: path } = job.state.result;
    if (frame < range.from || frame >= range.to) throw new Failure('frame-outside', { frame, ...range });
    const { output, source } = job.request;
    if (output.kind === 'images') {
      return this.ofImage(join(path, `${String(frame).padStart(6, '0')}.png`), width, signal);
    }
    const movie = { path, from: 0, to: null, rate: null, alpha: source.alpha };
    return this.ofSource(movie, frame - range.from, width, signal);
  }

  /** An image as it is now, at most `width` pixels wide. Failures: media-missing, image-unreadable. */
  async ofImage(path: string, width: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#shown(`${path} ${await markOf(path)} ${width}`, width, signal, () => readImage(path));
  }

  /** What is made is not kept: it may be better the next time. */
  #ofUnfinished({ id }: RenderJob, frame: number, width: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#turns.take(async () => {
      const made = await this.#jobs.madeFrame(id, frame);
      if (!made) throw new Failure('frame-missing', { frame });
      return encodeJpeg(made, { width });
    }, signal);
  }

  async #shown(name: string, width: number, signal: AbortSignal, picture: () => Promise<Frame>): Promise<Uint8Array> {
    const known = this.#kept.get(name);
    if (known) return this.#keep(name, known);
    return this.#turns.take(async () => this.#keep(name, await encodeJpeg(await picture(), { width })), signal);
  }

  #keep(name: string, jpeg: Buffer): Buffer {
    this.#keptBytes += jpeg.length - (this.#kept.get(name)?.length ?? 0);
    this.#kept.delete(name);
    this.#kept.set(name, jpeg);
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= length;
    }
    return jpeg;
  }
}
