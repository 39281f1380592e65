import type { Block, Engine } from '../kernels/engine.ts';
import type { Frame } from '../media/frame.ts';

/** Pixels of a 1920x1080 picture: the size at which the looks' lengths are given. */
const REFERENCE_PIXELS = 1920 * 1080;
/** Most pixels that one call of a slow kernel works through, so that an abort is heeded soon. */
const SLICE_PIXELS = 400_000;

/** Four f32 a pixel in the engine's memory. */
export type Plane = Block;

/** The place where a look is painted: the picture on the engine, lengths that follow its size, the strokes all looks share. */
export class Easel {
  readonly engine: Engine;
  readonly width: number;
  readonly height: number;
  /** Pixels here for one pixel of a 1080p picture. */
  readonly scale: number;
  readonly #frame: Frame;
  readonly #signal: AbortSignal;
  readonly #blocks: Block[] = [];
  readonly #source: Block;

  private constructor(engine: Engine, frame: Frame, signal: AbortSignal) {
    this.engine = engine;
    this.width = frame.width;
    this.height = frame.height;
    this.scale = Math.sqrt((frame.width * frame.height) / REFERENCE_PIXELS);
    this.#frame = frame;
    this.#signal = signal;
    this.#source = this.bytes(frame.data.byteLength);
    engine.u16(this.#source).set(frame.data);
  }

  /** Lets `paint` make the straight colours of the result; alpha is the frame's own. Rejects with the signal's reason on abort. */
  static async paint(
    engine: Engine,
    frame: Frame,
    signal: AbortSignal,
    paint: (easel: Easel) => Promise<Plane>,
  ): Promise<Frame> {
    signal.throwIfAborted();
    const easel = new Easel(engine, frame, signal);
    try {
      const painted = await paint(easel);
      const target = easel.bytes(frame.data.byteLength);
      await easel.run('lookStore', painted, easel.#source, frame.channels, target, easel.width, easel.height);
      return { ...frame, data: engine.u16(target).slice(0, frame.data.length) };
    } finally {
      engine.free(...easel.#blocks);
    }
  }

  plane(): Plane {
    return this.bytes(this.width * this.height * 16);
  }

  /** The frame as premultiplied (r·a, g·a, b·a, a) in 0..1. */
  async picture(): Promise<Plane> {
    const picture = this.plane();
    await this.run('lookLoad', this.#source, this.#frame.channels, picture, this.width, this.height);
    return picture;
  }

  /** Runs a kernel; blocks stand for their pointers. */
  async run(kernel: string, ...args: (Block | number)[]): Promise<void> {
    this.#signal.throwIfAborted();
    await this.engine.run(kernel, ...args.map((arg) => (typeof arg === 'number' ? arg : arg.pointer)));
  }

  /** Runs a slow kernel, whose last two arguments are rows from and to, in slices. */
  async runSliced(kernel: string, ...args: (Block | number)[]): Promise<void> {
    const rows = Math.max(1, Math.floor(SLICE_PIXELS / this.width));
    for (let y = 0; y < this.height; y += rows) await this.run(kernel, ...args, y, Math.min(this.height, y + rows));
  }

  /** Gaussian blur; `sigma` in pixels of this picture. `target` may be `source`. */
  async blur(source: Plane, target: Plane, sigma: number): Promise<void> {
    const half = gaussian(sigma, Math.ceil(2.6 * sigma));
    const all = [...half.slice(1).reverse(), ...half];
    const sum = all.reduce((a, b) => a + b);
    const weights = this.floats(all.map((w) => w / sum));
    const between = this.plane();
    await this.run('lookBlur', source, between, target, this.width, this.height, weights, half.length - 1);
    this.drop(between);
  }

  /** The directions of the picture's edges, smoothed over `sigma` pixels: (tx, ty, anisotropy, 0). */
  async tangents(picture: Plane, sigma: number): Promise<Plane> {
    const tangents = this.plane();
    await this.run('lookTensor', picture, tangents, this.width, this.height);
    await this.blur(tangents, tangents, sigma);
    await this.run('lookTangents', tangents, this.width, this.height);
    return tangents;
  }

  /** Smooths along the edges; `sigma` in pixels of this picture. */
  async along(source: Plane, tangents: Plane, target: Plane, sigma: number): Promise<void> {
    const step = Math.max(1, sigma / 5);
    const weights = gaussian(sigma / step, Math.ceil((2.2 * sigma) / step));
    await this.runSliced(
      'lookAlong',
      source,
      tangents,
      target,
      this.width,
      this.height,
      this.floats(weights),
      weights.length - 1,
      step,
    );
  }

  /** Gives a plane's memory back before the picture is done. */
  drop(...planes: Plane[]): void {
    for (const plane of planes) this.#blocks.splice(this.#blocks.indexOf(plane), 1);
    this.engine.free(...planes);
  }

  /** Numbers for a kernel to read. */
  floats(values: readonly number[]): Block {
    const block = this.bytes(values.length * 4);
    this.engine.f32(block).set(values);
    return block;
  }

  /** Scratch memory, not cleared. */
  bytes(bytes: number): Block {
    const block = this.engine.alloc(bytes);
    this.#blocks.push(block);
    return block;
  }
}

/** exp(-i²/2σ²) for i = 0..count. */
const gaussian = (sigma: number, count: number): number[] =>
  Array.from({ length: count + 1 }, (_, i) => Math.exp(-(i * i) / (2 * sigma * sigma)));
