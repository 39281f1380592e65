import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openClip } from '../../bridge-server/media/clip.ts';
import type { MovieCodec, MovieOptions } from '../../bridge-server/media/encode.ts';
import { movieLike, openImages, openMovie } from '../../bridge-server/media/encode.ts';
import { ffprobe, fileUrl, tool } from '../../bridge-server/media/ffmpeg.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { partBeside } from '../../bridge-server/media/part.ts';
import { numberedFrame, makeClip, numbersOf } from './clips.ts';

const signal = new AbortController().signal;
const EXTENSION: Record<MovieCodec, string> = { prores4444: 'mov', h264: 'mp4' };
const CODECS: MovieCodec[] = ['prores4444', 'h264'];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pentimento-encode-'));
});
afterAll(() => rm(folder, { recursive: true }));

const options = (codec: MovieCodec, more: Partial<MovieOptions> = {}): MovieOptions => ({
  ...{ codec, width: 96, height: 64, channels: 3, rate: { num: 25, den: 1 }, pixelAspect: { num: 1, den: 1 } },
  ...{ colour: { matrix: 'bt709', range: 'limited', primaries: 'bt709', transfer: 'bt709' } },
  ...{ alpha: 'straight', audio: null },
  ...more,
});

async function write(path: string, movie: MovieOptions, frames: readonly Frame[], abort = signal): Promise<void> {
  const sink = await openMovie(path, movie, abort);
  for (const [n, frame] of frames.entries()) await sink.write(n, frame);
  await sink.finish();
}

const source = (path: string, alpha: 'straight' | 'premultiplied' = 'straight') => ({
  ...{ path, from: 0, to: null, rate: null, alpha },
});

async function read(path: string, alpha: 'straight' | 'premultiplied' = 'straight'): Promise<Frame[]> {
  const clip = await openClip(source(path, alpha), signal);
  const frames: Frame[] = [];
  for await (const frame of clip.read(clip.range, signal)) frames.push(frame);
  return frames;
}

async function ask(path: string, entries: string, stream = 'v'): Promise<string[]> {
  const lines: string[] = [];
  const args = ['-select_streams', stream, '-show_entries', entries, '-of', 'default=nk=1:nw=1'];
  for await (const line of ffprobe([...args, '-i', fileUrl(path)], signal)) lines.push(line);
  return lines;
}

const numbered = (count: number, width = 96, height = 64): Frame[] =>
  Array.from({ length: count }, (_, n) => numberedFrame(n, width, height));

describe('a movie', () => {
  it.each(CODECS)('%s has every frame as itself, however slow its encoder', async (codec) => {
    // Larger than any pipe, and faster than any encoder takes them.
    const path = join(folder, `many.${EXTENSION[codec]}`);
    await write(path, options(codec, { width: 480, height: 320 }), numbered(40, 480, 320));
    const clip = await openClip(source(path), signal);
    expect(await numbersOf(clip.read(clip.range, signal))).toEqual(Array.from({ length: 40 }, (_, n) => n));
  });

  it.each([...['24000/1001', '24/1', '25/1', '30000/1001', '30/1', '50/1', '60000/1001', '60/1', '120000/1001']])(
    'runs at exactly %s',
    async (text) => {
      const [num, den] = text.split('/').map(Number) as [number, number];
      for (const codec of CODECS) {
        const path = join(folder, `rate-${num}.${EXTENSION[codec]}`);
        await write(path, options(codec, { rate: { num, den } }), numbered(9));
        const clip = await openClip(source(path), signal);
        expect(clip.rate).toEqual({ num, den });
        expect(clip.info).toMatchObject({ frames: 9, variable: false });
      }
    },
  );

  it.each(CODECS)('%s is the same bytes for the same frames', async (codec) => {
    const paths = ['a', 'b'].map((name) => join(folder, `same-${name}.${EXTENSION[codec]}`));
    for (const path of paths) await write(path, options(codec), numbered(20));
    const [a, b] = await Promise.all(paths.map((path) => readFile(path)));
    expect(Buffer.compare(a!, b!)).toBe(0);
  });

  const tagged = [
    ['bt2020', 'bt2020', 'arib-std-b67', 9, 18, 9],
    ['bt2020', 'bt2020', 'smpte2084', 9, 16, 9],
    ['bt2020', 'bt2020', 'bt2020-10', 9, 14, 9],
    ['bt709', 'bt709', 'bt709', 1, 1, 1],
    ['bt709', 'bt709', 'iec61966-2-1', 1, 13, 1],
    ['bt709', 'smpte432', 'bt709', 12, 1, 1],
    ['bt601', 'smpte170m', 'smpte170m', 6, 6, 6],
    ['bt601', 'bt470bg', 'bt470bg', 5, 5, 5],
    ['bt709', 'unknown', 'unknown', 2, 2, 1],
  ] as const;
  it.each(tagged)('says in the file what its colours are: %s %s %s', async (matrix, primaries, transfer, p, t, m) => {
    const colour = { matrix, range: 'limited', primaries, transfer } as const;
    const words = Buffer.from([0, p, 0, t, 0, m]);
    for (const codec of CODECS) {
      const path = join(folder, `tags-${primaries}-${transfer}.${EXTENSION[codec]}`);
      await write(path, options(codec, { colour }), numbered(2));
      const bytes = await readFile(path);
      const atom = bytes.indexOf(codec === 'h264' ? 'colrnclx' : 'colrnclc');
      expect(atom).toBeGreaterThan(0);
      expect(bytes.subarray(atom + 8, atom + 14)).toEqual(words);
      const said = await ask(path, 'stream=color_space,color_transfer,color_primaries');
      const unsaid = (name: string): string => (name === 'unknown' ? 'unknown' : name);
      const space = { bt709: 'bt709', bt601: primaries === 'bt470bg' ? 'bt470bg' : 'smpte170m', bt2020: 'bt2020nc' };
      expect(said).toEqual([space[matrix], unsaid(transfer), unsaid(primaries)]);
      if (codec === 'h264') expect(await ask(path, 'stream=color_range')).toEqual(['tv']);
    }
  });

  it('keeps odd sizes in ProRes, and extends them for H.264 and says so', async () => {
    const frames = numbered(3, 95, 63);
    for (const codec of CODECS) {
      const path = join(folder, `odd.${EXTENSION[codec]}`);
      const sink = await openMovie(path, options(codec, { width: 95, height: 63 }), signal);
      for (const [n, frame] of frames.entries()) await sink.write(n, frame);
      await sink.finish();
      const clip = await openClip(source(path), signal);
      expect([clip.width, clip.height]).toEqual(codec === 'h264' ? [96, 64] : [95, 63]);
      expect(sink.notes.join()).toMatch(codec === 'h264' ? /even sizes.*95x63 to 96x64/ : /^$/);
      const [last] = (await read(path)).slice(-1);
      expect(await numbersOf(clip.read(clip.range, signal))).toEqual([0, 1, 2]);
      // The bottom right corner is what the source's is.
      expect(Math.abs(last!.data.at(-1) - frames[2]!.data.at(-1))).toBeLessThan(12 * 257);
    }
  });

  it('carries the shape of its pixels', async () => {
    for (const codec of CODECS) {
      const path = join(folder, `anamorphic.${EXTENSION[codec]}`);
      await write(path, options(codec, { pixelAspect: { num: 64, den: 45 } }), numbered(2));
      expect(await ask(path, 'stream=sample_aspect_ratio')).toEqual(['64:45']);
      expect((await openClip(source(path), signal)).info.pixelAspect).toEqual({ num: 64, den: 45 });
    }
  });

  it.each(['straight', 'premultiplied'] as const)('ProRes 4444 holds %s alpha', async (alpha) => {
    const [width, height] = [96, 64];
    const data = new Uint16Array(width * height * 4);
    for (let p = 0; p < width * height; p++) {
      const x = p % width;
      data.set([20000 + 300 * x, 30000, 50000 - 300 * x, Math.round((p / (width * height - 1)) * 1023) * 64], 4 * p);
    }
    const frame: Frame = { width, height, channels: 4, data };
    const path = join(folder, `alpha-${alpha}.mov`);
    await write(path, options('prores4444', { channels: 4, alpha }), [frame, frame]);
    const [, back] = await read(path, alpha);
    expect(back!.channels).toBe(4);
    let [alphaError, colourError] = [0, 0];
    for (let i = 0; i < data.length; i++) {
      const error = Math.abs(back!.data[i]! - data[i]!) / 257;
      if (i % 4 === 3) alphaError = Math.max(alphaError, error);
      // What is nearly transparent has no certain colour once it was multiplied.
      else if (data[i - (i % 4) + 3]! > 16384) colourError = Math.max(colourError, error);
    }
    // Alpha is coded without loss at 10 bit.
    expect(alphaError).toBeLessThanOrEqual(0.25);
    expect(colourError).toBeLessThan(alpha === 'straight' ? 3 : 8);

    // What is stored is what was asked: read as straight, premultiplied colours are darker.
    if (alpha === 'premultiplied') {
      const [, stored] = await read(path, 'straight');
      const middle = 4 * (width * (height / 2) + width / 2);
      const share = data[middle + 3]! / 65535;
      expect(Math.abs(stored!.data[middle]! / data[middle]! - share)).toBeLessThan(0.03);
    }
  });

  it('says that H.264 has no alpha', async () => {
    const sink = await openMovie(join(folder, 'no-alpha.mp4'), options('h264', { channels: 4 }), signal);
    await sink.abandon();
    expect(sink.notes).toEqual([expect.stringMatching(/no alpha/)]);
  });

  it('refuses frames out of order and of another size', async () => {
    for (const frame of [numberedFrame(0, 64, 64), { ...numberedFrame(0), channels: 4 as const }]) {
      const sink = await openMovie(join(folder, 'wrong.mov'), options('prores4444'), signal);
      await expect(sink.write(0, frame)).rejects.toThrow(RangeError);
    }
    const sink = await openMovie(join(folder, 'wrong.mov'), options('prores4444'), signal);
    await sink.write(4, numberedFrame(4));
    await expect(sink.write(6, numberedFrame(6))).rejects.toThrow('frame 6 where 5 was due');
    expect((await readdir(folder)).filter((name) => name.includes('wrong'))).toEqual([]);
  });
});

describe('nothing is there before it is whole', () => {
  it.each(CODECS)('%s', async (codec) => {
    const own = await mkdtemp(join(folder, 'whole-'));
    const path = join(own, `name with  spaces %03d 🎞 -.${EXTENSION[codec]}`);
    await writeFile(path, 'an earlier version');
    const sink = await openMovie(path, options(codec), signal);
    for (const [n, frame] of numbered(5).entries()) await sink.write(n, frame);
    expect(await readFile(path, 'utf8')).toBe('an earlier version');
    await sink.abandon();
    expect(await readdir(own)).toHaveLength(1);
    await write(path, options(codec), numbered(5));
    expect(await readdir(own)).toHaveLength(1);
    expect(await read(path)).toHaveLength(5);
  });

  it('images', async () => {
    const own = await mkdtemp(join(folder, 'whole-'));
    const target = join(own, 'frames');
    await mkdir(target);
    await writeFile(join(target, '000007.png'), 'an earlier version');
    const abandoned = await openImages(target, { alpha: 'straight' }, signal);
    await abandoned.write(7, numberedFrame(7));
    expect(await readFile(join(target, '000007.png'), 'utf8')).toBe('an earlier version');
    await abandoned.abandon();
    expect(await readdir(own)).toEqual(['frames']);
    const sink = await openImages(target, { alpha: 'straight' }, signal);
    for (const n of [7, 8]) await sink.write(n, numberedFrame(n));
    await sink.finish();
    expect(await readdir(own)).toEqual(['frames']);
    expect((await readdir(target)).sort()).toEqual(['000007.png', '000008.png']);
    expect(await read(target)).toEqual([numberedFrame(7), numberedFrame(8)]);
  });

  it('an abort ends it at once and leaves nothing', async () => {
    const own = await mkdtemp(join(folder, 'abort-'));
    for (const codec of CODECS) {
      const abort = new AbortController();
      const sink = await openMovie(join(own, `x.${EXTENSION[codec]}`), options(codec), abort.signal);
      await sink.write(0, numberedFrame(0));
      abort.abort(new Error('enough'));
      await expect(sink.write(1, numberedFrame(1))).rejects.toThrow('enough');
      expect(await readdir(own)).toEqual([]);
    }
  });

  it('what a killed process left is cleared away', async () => {
    const own = await mkdtemp(join(folder, 'left-'));
    const path = join(own, 'x.mov');
    const killed = await promisify(execFile)(process.execPath, ['-e', 'console.log(process.pid)']);
    const part = basename(await partBeside(path));
    const partOf = (pid: string | number): string => part.replace(`.${process.pid}.part`, `.${pid}.part`);
    await writeFile(join(own, partOf(killed.stdout.trim())), 'half a movie');
    await writeFile(join(own, partOf(process.ppid)), 'of one that still runs');
    await write(path, options('prores4444'), numbered(2));
    expect((await readdir(own)).sort()).toEqual([partOf(process.ppid), 'x.mov']);
  });
});

describe('a place that cannot be written', () => {
  it('is refused before any work', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const missing = join(folder, 'not-there', 'x.mov');
    await expect(openMovie(missing, options('prores4444'), signal)).rejects.toMatchObject({ code: 'path-gone' });
    await expect(openMovie(join(file, 'x.mov'), options('prores4444'), signal)).rejects.toMatchObject({
      code: 'path-gone',
    });
    await expect(openMovie(folder, options('prores4444'), signal)).rejects.toMatchObject({ code: 'output-not-file' });
    await expect(openImages(file, { alpha: 'straight' }, signal)).rejects.toMatchObject({ code: 'output-not-folder' });
  });

  it('and goes away in between: said so', async () => {
    for (const codec of CODECS) {
      const own = await mkdtemp(join(folder, 'gone-'));
      const sink = await openMovie(join(own, 'x.mov'), options(codec), signal);
      await sink.write(0, numberedFrame(0));
      await rm(own, { recursive: true });
      await expect(sink.finish()).rejects.toMatchObject({ code: 'path-gone' });
    }
    const own = await mkdtemp(join(folder, 'gone-'));
    const images = await openImages(join(own, 'frames'), { alpha: 'straight' }, signal);
    await rm(own, { recursive: true });
    await expect(images.write(0, numberedFrame(0))).rejects.toMatchObject({ code: 'path-gone' });
  });

  // Only a superuser may mount a small disk; elsewhere the same refusals are seen through their words, below.
  it.skipIf(process.getuid?.() !== 0)('a full disk is called one, and nothing is left on it', async ({ skip }) => {
    const disk = await mkdtemp(join(folder, 'disk-'));
    const run = promisify(execFile);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]).catch(() =>
      skip('this machine may not mount'),
    );
    try {
      let state = 1;
      const noise = (): Frame => ({
        ...{ width: 192, height: 128, channels: 3 as const },
        data: Uint16Array.from({ length: 192 * 128 * 3 }, () => {
          state ^= state << 13;
          state ^= state >>> 17;
          return (state ^= state << 5);
        }),
      });
      for (const codec of CODECS) {
        const sink = await openMovie(join(disk, 'x.mov'), options(codec, { width: 192, height: 128 }), signal);
        const work = async (): Promise<void> => {
          for (let n = 0; n < 200; n++) await sink.write(n, noise());
          await sink.finish();
        };
        await expect(work()).rejects.toMatchObject({ code: 'disk-full' });
        expect(await readdir(disk)).toEqual([]);
      }
      const images = await openImages(join(disk, 'frames'), { alpha: 'straight' }, signal);
      const work = async (): Promise<void> => {
        for (let n = 0; n < 200; n++) await images.write(n, noise());
      };
      await expect(work()).rejects.toMatchObject({ code: 'disk-full' });
      expect(await readdir(disk)).toEqual([]);

      await run('mount', ['-o', 'remount,ro', disk]);
      await expect(openMovie(join(disk, 'x.mov'), options('h264'), signal)).rejects.toMatchObject({
        code: 'path-refused',
      });
      await expect(openImages(join(disk, 'x'), { alpha: 'straight' }, signal)).rejects.toMatchObject({
        code: 'path-refused',
      });
    } finally {
      await run('umount', [disk]);
    }
  });
});

describe('sound', () => {
  const RATE = 48000;
  /** Every sample says when it is: sample i of the source is i mod 24000 - 12000. */
  const sampleAt = (i: number): number => (((i % 24000) + 24000) % 24000) - 12000;
  let ramp: string;

  beforeAll(async () => {
    ramp = join(folder, 'ramp.raw');
    await writeFile(
      ramp,
      Int16Array.from({ length: RATE * 4 }, (_, i) => sampleAt(i)),
    );
  });

  const film = (name: string, ...encoder: string[]): Promise<string> =>
    makeClip(join(folder, name), {
      ...{ frames: 90, rate: '24000/1001' },
      options: [
        ...[
          '-map',
          '0:v',
          '-map',
          '1:a',
          '-map',
          '1:a',
          '-c:v',
          'libx264',
          '-preset',
          'ultrafast',
          '-bf',
          '2',
          '-g',
          '12',
        ],
        ...encoder,
      ],
      inputs: [['-f', 's16le', '-ar', String(RATE), '-ac', '1', ramp]],
    });

  /** Renders frames [from, to) of a movie and gives the result's path. */
  async function cut(path: string, codec: MovieCodec, from: number, to: number) {
    const clip = await openClip({ ...source(path), from, to }, signal);
    const out = `${path}.${from}.${EXTENSION[codec]}`;
    const sink = await openMovie(out, movieLike(clip, codec, 'straight'), signal);
    let n = from;
    for await (const frame of clip.read(clip.range, signal)) await sink.write(n++, frame);
    await sink.finish();
    return { out, notes: sink.notes, start: clip.start! };
  }

  /** The sound as a player would play it from the first picture on. */
  async function played(path: string, stream = 0): Promise<Int16Array> {
    const { path: program } = await tool('ffmpeg');
    const args = [
      '-v',
      'error',
      '-i',
      path,
      '-map',
      `0:a:${stream}`,
      '-f',
      's16le',
      '-ac',
      '1',
      '-ar',
      String(RATE),
      '-',
    ];
    const { stdout } = await promisify(execFile)(program, args, { encoding: 'buffer', maxBuffer: 1 << 26 });
    return new Int16Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + (stdout.length & ~1)));
  }

  const payloads = async (path: string, stream: number): Promise<string[]> => {
    const lines: string[] = [];
    const args = ['-select_streams', `a:${stream}`, '-show_packets', '-show_data_hash', 'md5'];
    const entries = ['-show_entries', 'packet=data_hash', '-of', 'csv=p=0'];
    for await (const line of ffprobe([...args, ...entries, '-i', fileUrl(path)], signal)) lines.push(line);
    // Lines about what goes with a packet have none.
    return lines.flatMap((line) => /[0-9a-f]{32}/.exec(line) ?? []);
  };

  it.each([
    ['pcm.mov', 0, []],
    ['pcm-late.mov', 0, ['-output_ts_offset', '3']],
    ['pcm.mov', 31, []],
    ['pcm-late.mov', 31, ['-output_ts_offset', '3']],
  ] as const)('%s from frame %i starts on the very sample', async (name, from, more) => {
    const path = await film(name, '-c:a', 'pcm_s16le', ...more);
    const { out, notes } = await cut(path, 'prores4444', from, from + 24);
    expect(notes).toEqual([]);
    expect(await ask(out, 'stream=codec_name', 'a')).toEqual(['pcm_s16le', 'pcm_s16le']);
    const start = Math.round((from * 1001 * RATE) / 24000);
    for (const stream of [0, 1]) {
      const sound = await played(out, stream);
      // A second and a millisecond; the last packet may be longer than the picture, by less than a frame.
      expect(sound.length).toBeGreaterThanOrEqual(48048);
      expect(sound.length).toBeLessThan(48048 + 2002);
      expect([...sound.subarray(0, 2000)]).toEqual(Array.from({ length: 2000 }, (_, i) => sampleAt(start + i)));
    }
  });

  it.each([
    ['aac.mp4', 'aac'],
    ['aac.mkv', 'aac'],
    ['aac.ts', 'aac'],
    ['ac3.mkv', 'ac3'],
  ])('%s is copied packet by packet, and in time', async (name, codec) => {
    const path = await film(name, '-c:a', codec, '-b:a', '192k');
    for (const from of [0, 31]) {
      for (const target of CODECS) {
        const { out, notes, start } = await cut(path, target, from, from + 24);
        expect(notes).toEqual([]);
        for (const stream of [0, 1]) {
          const whole = await payloads(path, stream);
          const copied = await payloads(out, stream);
          const first = whole.indexOf(copied[0]!);
          expect(copied.length).toBeGreaterThan(30);
          // An ADTS stream has its headers taken off on the way, so its payloads are compared among themselves.
          if (name !== 'aac.ts') expect(copied).toEqual(whole.slice(first, first + copied.length));
          else expect(new Set(copied).size).toBeGreaterThan(copied.length / 2);

          const skipped = start - Number((await ask(path, 'stream=start_time'))[0]);
          const late =
            (await fallAfterPicture(out, stream, 0.1)) -
            (await fallAfterPicture(path, stream, 0.1 + skipped)) +
            skipped;
          expect(Math.abs(late)).toBeLessThan(0.0005);
        }
      }
    }
  });

  it('that the container cannot hold is stored otherwise, and said so', async () => {
    const flac = await film('flac.mkv', '-c:a', 'flac');
    const asMov = await cut(flac, 'prores4444', 31, 55);
    expect(await ask(asMov.out, 'stream=codec_name', 'a')).toEqual(['pcm_s16le', 'pcm_s16le']);
    expect(asMov.notes).toEqual(Array(2).fill('MOV cannot hold FLAC sound: it became PCM.'));
    const start = Math.round((31 * 1001 * RATE) / 24000);
    const sound = await played(asMov.out);
    expect(Math.abs(sound[1000]! - sampleAt(start + 1000))).toBeLessThanOrEqual(RATE / 1000);

    const pcm = await film('pcm-again.mov', '-c:a', 'pcm_s24le');
    const asMp4 = await cut(pcm, 'h264', 31, 55);
    expect(await ask(asMp4.out, 'stream=codec_name', 'a')).toEqual(['aac', 'aac']);
    expect(asMp4.notes[0]).toMatch(/MP4 cannot hold PCM sound: it became AAC/);
  });

  /** Seconds from the first picture to the first fall of the ramp that is later than `after`. */
  async function fallAfterPicture(path: string, stream: number, after: number): Promise<number> {
    const [picture] = await ask(path, 'stream=start_time');
    const [start] = await ask(path, 'stream=start_time', `a:${stream}`);
    const offset = Number(start) - Number(picture);
    const sound = await played(path, stream);
    for (let i = Math.max(0, Math.ceil((after - offset) * RATE)); i + 20 < sound.length; i++) {
      if (sound[i]! > 6000 && sound[i + 20]! < -6000) return offset + i / RATE;
    }
    throw new Error('the ramp does not fall');
  }
});
