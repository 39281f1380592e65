import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, open as openFile, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../bridge-server/errors.ts';
import { Failure } from '../../bridge-server/errors.ts';
import { openClip } from '../../bridge-server/media/clip.ts';
import { probe } from '../../bridge-server/media/probe.ts';
import { writePng } from '../../bridge-server/media/image.ts';
import { convert, makeClip, numberedFrame, numbersOf } from './clips.ts';

const signal = new AbortController().signal;
let folder: string;
/** 60 frames, ten to a GOP, its index at the front. */
let film: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pentimento-refuse-'));
  film = await makeClip(join(folder, 'film.mp4'), {
    ...{ frames: 60, rate: '25' },
    options: ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '10', '-movflags', '+faststart'],
  });
});
afterAll(() => rm(folder, { recursive: true }));

const open = (path: string, from = 0, to: number | null = null) =>
  openClip({ path, from, to, rate: null, alpha: 'straight' }, signal);

async function numbers(path: string, from = 0, to: number | null = null): Promise<(number | null)[]> {
  const clip = await open(path, from, to);
  return numbersOf(clip.read(clip.range, signal));
}

async function expectRefusal(
  path: string,
  code: ErrorCode,
  range: [number, number | null] = [0, null],
): Promise<Failure> {
  const failure = await numbers(path, ...range).then(
    () => null,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(Failure);
  const { code: found, message, remedy } = failure as Failure;
  expect(found).toBe(code);
  expect(message).toMatch(/^[^\n]+\.$/);
  expect(remedy).toMatch(/^[^\n]+\.$/);
  return failure as Failure;
}

/** The first `share` of a file. */
async function cut(path: string, share: number, name: string): Promise<string> {
  const bytes = await readFile(path);
  const out = join(folder, name);
  await writeFile(out, bytes.subarray(0, Math.floor(bytes.length * share)));
  return out;
}

describe('refused in clear words', () => {
  it('nothing, and no file', async () => {
    await expectRefusal(join(folder, 'not-there.mp4'), 'media-missing');
    await expectRefusal(join(folder, 'film.mp4', 'in-a-file.mp4'), 'media-missing');
    await expectRefusal('/dev/zero', 'media-not-a-file');
    const pipe = join(folder, 'pipe.mp4');
    execFileSync('mkfifo', [pipe]);
    await expectRefusal(pipe, 'media-not-a-file');
    await symlink(join(folder, 'nowhere'), join(folder, 'dangling.mp4'));
    await expectRefusal(join(folder, 'dangling.mp4'), 'media-missing');
    await mkdir(join(folder, 'empty'));
    await expectRefusal(join(folder, 'empty'), 'images-none');
  });

  const files: readonly (readonly [string, ErrorCode, string | Uint8Array])[] = [
    ['empty.mp4', 'media-empty', ''],
    ['text.mp4', 'media-unreadable', 'Dear editor,\nthis is not a movie.\n'],
    ['noise.mp4', 'media-unreadable', Uint8Array.from({ length: 50000 }, (_, i) => Math.imul(i, 2654435761) >>> 24)],
    ['zeros.mov', 'media-unreadable', new Uint8Array(50000)],
    ['list.mp4', 'media-playlist', '#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:4,\nfilm.mp4\n#EXT-X-ENDLIST\n'],
    [
      'list.m3u8',
      'media-playlist',
      '#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n',
    ],
    ['concat.mp4', 'media-playlist', 'ffconcat version 1.0\nfile film.mp4\n'],
    ['manifest.mpd', 'media-playlist', '<?xml version="1.0"?><MPD><Period/></MPD>'],
  ];
  it.each(files)('%s: %s', async (name, code, content) => {
    await writeFile(join(folder, name), content);
    await expectRefusal(join(folder, name), code);
  });

  it('a single image', async () => {
    await writePng(join(folder, 'still.png'), numberedFrame(1));
    await expectRefusal(join(folder, 'still.png'), 'media-still');
    await writeFile(join(folder, 'still.mp4'), await readFile(join(folder, 'still.png')));
    await expectRefusal(join(folder, 'still.mp4'), 'media-still');
  });

  it('sound alone, also with a cover picture', async () => {
    const raw = join(folder, 'sound.raw');
    await writeFile(raw, new Uint8Array(96000));
    const pcm = ['-f', 's16le', '-ar', '48000', '-ac', '1'];
    for (const [name, codec] of [
      ['a.m4a', 'aac'],
      ['a.wav', 'pcm_s16le'],
      ['a.mp3', 'libmp3lame'],
      ['a.mka', 'aac'],
    ] as const) {
      await expectRefusal(await convert(raw, ['-c:a', codec], join(folder, name), pcm), 'media-no-picture');
    }
    await writePng(join(folder, 'cover.png'), numberedFrame(1));
    const cover = await makeClip(join(folder, 'cover.mp3'), {
      ...{ frames: 1, rate: '25' },
      options: [
        '-map',
        '1:a',
        '-map',
        '0:v',
        '-c:v',
        'mjpeg',
        '-pix_fmt',
        'yuvj420p',
        '-c:a',
        'libmp3lame',
        '-id3v2_version',
        '3',
      ],
      inputs: [[...pcm, raw]],
    });
    await expectRefusal(cover, 'media-no-picture');
  });

  it('what is encrypted', async () => {
    const key = '76a6c65c5ea762046bd749a2e632ccbb';
    const encryption = ['-encryption_scheme', 'cenc-aes-ctr', '-encryption_key', key, '-encryption_kid', key];
    await expectRefusal(
      await convert(film, ['-c', 'copy', ...encryption], join(folder, 'secret.mp4')),
      'media-encrypted',
    );

    const stream = await convert(film, ['-c', 'copy'], join(folder, 'film.ts'));
    const bytes = await readFile(stream);
    for (let at = 0; at < bytes.length; at += 188) {
      const pid = bytes.readUInt16BE(at + 1) & 0x1fff;
      if (pid === 0x100) bytes[at + 3]! |= 0x80;
    }
    await writeFile(join(folder, 'scrambled.ts'), bytes);
    await expectRefusal(join(folder, 'scrambled.ts'), 'media-encrypted');
  });
});

describe('what is cut off', () => {
  it('cannot be opened without its index', async () => {
    const late = await convert(film, ['-c', 'copy'], join(folder, 'index-last.mp4'));
    await expectRefusal(await cut(late, 0.6, 'cut-index-last.mp4'), 'media-truncated');
    await expectRefusal(await cut(film, 0.05, 'cut-start.mp4'), 'media-truncated');
  });

  it('is good as far as it goes, and refused beyond', async () => {
    for (const ending of ['mp4', 'mkv', 'fragments.mp4']) {
      const more = ending === 'fragments.mp4' ? ['-movflags', 'frag_keyframe+empty_moov'] : ['-movflags', '+faststart'];
      const whole = await convert(
        film,
        ['-c', 'copy', ...(ending === 'mkv' ? [] : more)],
        join(folder, `whole.${ending}`),
      );
      const path = await cut(whole, 0.6, `cut.${ending}`);
      const { frames } = await probe(path, signal);
      expect(frames).toBeGreaterThan(10);
      expect(frames).toBeLessThan(50);
      const failure = await expectRefusal(path, 'media-truncated');
      expect(failure.remedy).toContain(`first ${frames} frames`);
      await expectRefusal(path, 'media-truncated', [0, frames + 1]);
      await expectRefusal(path, 'media-truncated', [50, 55]);
      expect(await numbers(path, 5, 11)).toEqual(Array.from({ length: 6 }, (_, i) => 5 + i));
    }
  });
});

describe('what is damaged in the middle', () => {
  it('is refused there and good elsewhere', async () => {
    const path = await makeClip(join(folder, 'damaged.mov'), {
      ...{ frames: 30, rate: '25' },
      options: ['-c:v', 'prores_ks', '-profile:v', '2', '-pix_fmt', 'yuv422p10le'],
    });
    const { size } = await stat(path);
    const bytes = await readFile(path);
    // The frame that begins in the middle of the file, by the mark that each begins with.
    const at = bytes.indexOf('icpf', size / 2);
    const damaged = bytes.subarray(0, at).toString('latin1').split('icpf').length - 1;
    const file = await openFile(path, 'r+');
    await file.write(Buffer.alloc(60), 0, 60, at);
    await file.close();
    expect(await numbers(path, 0, damaged)).toEqual(Array.from({ length: damaged }, (_, n) => n));
    expect(await numbers(path, damaged + 1, 30)).toEqual(
      Array.from({ length: 29 - damaged }, (_, i) => damaged + 1 + i),
    );
    const failure = await expectRefusal(path, 'media-damaged', [damaged - 2, damaged + 2]);
    expect(failure.message).toContain(`frame ${damaged} `);
    await expectRefusal(path, 'media-damaged');
  });
});
