import { Failure } from '../errors.ts';
import { resultName, writeFrame } from '../jobs/frames.ts';
import type { StageFolder } from '../jobs/stage-folder.ts';
import type { Block, Engine } from '../kernels/engine.ts';
import type { Frame } from '../media/frame.ts';
import type { Report } from '../progress.ts';
import { loadMap, mapName } from './maps.ts';
import { guideBytes, loadGuide, loadPicture, pictureBytes, stagingBytes } from './pictures.ts';
import type { Source } from './pictures.ts';
import { relationOf } from './relation.ts';
import type { Span } from './spans.ts';

/** The repainted key of a frame, of the source's size. */
export type KeyPictures = { get(n: number, signal: AbortSignal): Promise<Frame> };

/** One key in the engine's memory: its source as a guide, its repainting as a premultiplied picture, the map of the frame at hand to it. */
type Side = { readonly key: number; readonly guide: Block; readonly picture: Block; readonly map: Block };

/**
 * Makes the span's frames from its repainted keys along the maps of `matchSpan`, into entries `resultName(n)` of `results`; those that
 * are there are kept. Results have alpha when a key has. Throws Failure('key-size') for a key that is not of the source's size.
 */
export async function synthesiseSpan(
  engine: Engine,
  span: Span,
  { source, keys }: { readonly source: Source; readonly keys: KeyPictures },
  matches: StageFolder,
  results: StageFolder,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const total = span.to - span.from;
  let done = 0;
  let painter: Painter | null = null;
  let writing = Promise.resolve();
  try {
    for (let n = span.from; n < span.to; n++) {
      signal.throwIfAborted();
      if (!(await results.has(resultName(n)))) {
        painter ??= await Painter.open(engine, span, source, keys, matches, signal);
        const frame = await painter.paint(n, signal);
        await writing;
        writing = writeFrame(frame)
          .then((bytes) => results.write(resultName(n), bytes))
          .then(() => report(++done, total));
        writing.catch(() => undefined);
      } else {
        await writing;
        report(++done, total);
      }
    }
    await writing;
  } finally {
    await writing.catch(() => undefined);
    painter?.close();
  }
}

/** What stays in memory while a span's frames are made. */
class Painter {
  readonly #engine: Engine;
  readonly #source: Source;
  readonly #matches: StageFolder;
  readonly #blocks: Block[] = [];
  readonly #staging: Block;
  readonly #scratch: Block;
  readonly #guide: Block;
  readonly #residual: Block;
  readonly #soft: Block;
  readonly #between: Block;
  readonly #planes: readonly Block[];
  readonly #coarse: Block;
  readonly #relation: Block;
  readonly #sides: Side[] = [];
  #channels: 3 | 4 = 3;

  private constructor(engine: Engine, source: Source, matches: StageFolder, coarseBytes: number) {
    const { width, height } = source;
    const pixels = width * height;
    this.#engine = engine;
    this.#source = source;
    this.#matches = matches;
    this.#staging = this.#alloc(stagingBytes(width, height));
    this.#scratch = this.#alloc(4 * pixels);
    this.#guide = this.#alloc(guideBytes(width, height));
    this.#residual = this.#alloc(8 * pixels);
    this.#soft = this.#alloc(8 * pixels);
    this.#between = this.#alloc(8 * pixels);
    this.#planes = Array.from({ length: 5 }, () => this.#alloc(4 * pixels));
    this.#coarse = this.#alloc(coarseBytes);
    this.#relation = this.#alloc(9 * 4 * 4);
  }

  static async open(
    engine: Engine,
    span: Span,
    source: Source,
    keys: KeyPictures,
    matches: StageFolder,
    signal: AbortSignal,
  ): Promise<Painter> {
    const coarseBytes = await engine.run('coarseBytes', source.width, source.height);
    const painter = new Painter(engine, source, matches, coarseBytes);
    try {
      for (const key of [span.before, span.after]) if (key !== null) await painter.#addSide(key, keys, signal);
      await painter.#relate();
      return painter;
    } catch (error) {
      painter.close();
      throw error;
    }
  }

  close(): void {
    this.#engine.free(...this.#blocks);
  }

  #alloc(bytes: number): Block {
    const block = this.#engine.alloc(bytes);
    this.#blocks.push(block);
    return block;
  }

  async #addSide(key: number, keys: KeyPictures, signal: AbortSignal): Promise<void> {
    const { width, height } = this.#source;
    const painted = await keys.get(key, signal);
    if (painted.width !== width || painted.height !== height) {
      const is = `${painted.width}x${painted.height}`;
      throw new Failure('key-size', { frame: key, is, wanted: `${width}x${height}` });
    }
    if (painted.channels === 4) this.#channels = 4;
    const side: Side = {
      key,
      guide: this.#alloc(guideBytes(width, height)),
      picture: this.#alloc(pictureBytes(width, height)),
      map: this.#alloc(8 * width * height),
    };
    await loadPicture(this.#engine, painted, this.#staging, side.picture);
    await loadGuide(this.#engine, await this.#source.get(key, signal), this.#staging, this.#scratch, side.guide);
    this.#sides.push(side);
  }

  /** Learns from the keys how the repainting follows the source. */
  async #relate(): Promise<void> {
    const { width, height } = this.#source;
    const engine = this.#engine;
    const lines = (height + 1) >> 1;
    const rows = engine.alloc(lines * 72 * 8);
    try {
      const sums: Float64Array[] = [];
      const [a, b] = this.#sides;
      for (const [one, other] of a && b ? [[a, b] as const, [b, a] as const] : []) {
        await this.#loadMap(one.key, other);
        await engine.run(
          'miss',
          one.guide.pointer,
          other.guide.pointer,
          other.map.pointer,
          width,
          height,
          this.#residual.pointer,
        );
        await this.#bands();
        await engine.run(
          'relate',
          ...[
            this.#residual.pointer,
            this.#soft.pointer,
            this.#coarse.pointer,
            one.picture.pointer,
            other.picture.pointer,
          ],
          ...[other.map.pointer, width, height, rows.pointer],
        );
        sums.push(new Float64Array(engine.u8(rows, lines * 72 * 8).slice().buffer));
      }
      const samples = sums.length * lines * ((width + 1) >> 1);
      engine.f32(this.#relation, 36).set(relationOf(sums, samples));
    } finally {
      engine.free(rows);
    }
  }

  #bands(): Promise<number> {
    const { width, height } = this.#source;
    const blocks = [
      this.#residual.pointer,
      width,
      height,
      this.#soft.pointer,
      this.#between.pointer,
      this.#coarse.pointer,
    ];
    return this.#engine.run('bands', ...blocks);
  }

  #loadMap(n: number, { key, map }: Side): Promise<void> {
    return loadMap(this.#engine, map, this.#source, this.#scratch, this.#matches, mapName(n, key));
  }

  async paint(n: number, signal: AbortSignal): Promise<Frame> {
    const { width, height } = this.#source;
    const engine = this.#engine;
    await loadGuide(engine, await this.#source.get(n, signal), this.#staging, this.#scratch, this.#guide);
    for (const side of this.#sides) await this.#loadMap(n, side);
    const [a, b] = this.#sides as [Side, Side | undefined];
    const [share] = this.#planes as [Block];
    if (b) {
      const nearness = (b.key - n) / (b.key - a.key);
      await engine.run(
        'mix',
        ...[
          this.#guide.pointer,
          a.guide.pointer,
          a.map.pointer,
          b.guide.pointer,
          b.map.pointer,
          width,
          height,
          nearness,
        ],
        ...[this.#residual.pointer, this.#soft.pointer, ...this.#planes.map((plane) => plane.pointer)],
      );
    } else {
      await engine.run(
        'miss',
        this.#guide.pointer,
        a.guide.pointer,
        a.map.pointer,
        width,
        height,
        this.#residual.pointer,
      );
    }
    await this.#bands();
    const channels = this.#channels;
    await engine.run(
      'compose',
      ...[a.picture.pointer, a.map.pointer, b?.picture.pointer ?? 0, b?.map.pointer ?? 0, width, height, share.pointer],
      ...[this.#residual.pointer, this.#soft.pointer, this.#coarse.pointer, this.#relation.pointer],
      ...[channels, this.#staging.pointer],
    );
    const data = new Uint16Array(engine.u16(this.#staging, width * height * channels));
    return { width, height, channels, data };
  }
}
