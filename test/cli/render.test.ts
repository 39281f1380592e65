import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openClip } from '../../bridge-server/media/clip.ts';
import { readImage, writePng } from '../../bridge-server/media/image.ts';
import { makeFolder, removeFolder } from '../jobs/folder.ts';
import { HEIGHT, WIDTH, sceneFolder, sceneKeys, sceneMovie } from './footage.ts';
import { hashOf, newInstall, progressIn, rendered, run, type Install } from './install.ts';

const never = new AbortController().signal;

describe('render', () => {
  it('without a look and with every frame a key gives back the decoded source, bit for bit', async () => {
    const install = await newInstall();
    const movie = await sceneMovie(join(install.desk, 'the shot.mov'), 12);
    const result = await rendered(
      install,
      'the shot.mov',
      '--out',
      'out/',
      '--look',
      'none',
      '--every-frame',
      '--from',
      '3',
      '--to',
      '9',
    );
    expect(result).toMatchObject({ frames: 6, version: 1, output: join(install.desk, 'out') });
    expect(await readdir(join(install.desk, 'out'))).toEqual([3, 4, 5, 6, 7, 8].map((n) => `00000${n}.png`));
    const clip = await openClip({ path: movie, from: 3, to: 9, rate: null, alpha: 'straight' }, never);
    let n = 3;
    for await (const frame of clip.read(clip.range, never)) {
      expect(await readImage(join(install.desk, 'out', `00000${n++}.png`))).toEqual(frame);
    }
  });

  it('says what it did, as the command line promises', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), 9);
    const { code, stdout, stderr } = await run(
      install,
      'render',
      'shot',
      '--out',
      'a.mp4',
      '--every',
      '4',
      '--look',
      'ink',
      '--json',
    );
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      output: join(install.desk, 'a.mp4'),
      frames: 9,
      keys: [{ frame: 0 }, { frame: 4 }, { frame: 8 }],
      stages: {
        analyse: { computed: 9, cached: 0 },
        keys: { computed: 3, cached: 0 },
        look: { computed: 3, cached: 0 },
        // On so small a clip what was found out ahead is what is needed.
        advise: { computed: 6, cached: 0 },
        match: { computed: 0, cached: 6 },
        propagate: { computed: 6, cached: 0 },
        deliver: { computed: 9, cached: 0 },
      },
    });
    expect(result['seconds']).toBeGreaterThan(0);
    expect(result['peakRssBytes']).toBeGreaterThan(1e7);
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines.length).toBe(progressIn(stderr).length);
    expect(progressIn(stderr).at(-1)).toMatchObject({
      stage: 'deliver',
      done: 9,
      total: 9,
      unit: 'frames',
      etaSeconds: 0,
    });
  });

  it('chooses keys by content within a budget, and says why', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), 13);
    const result = await rendered(install, 'shot', '--out', 'a.mov', '--look', 'none', '--key-budget', '3');
    expect(result.keys.length).toBeGreaterThan(0);
    expect(result.keys.length).toBeLessThanOrEqual(3);
    for (const { explanation } of result.keys) expect(explanation).toMatch(/^[A-Z].*\.$/);
    expect(result.scores.map(({ frame }) => frame)).toEqual(Array.from({ length: 13 }, (_, n) => n));
    expect(result.cuts).toEqual([]);
    const again = await rendered(install, 'shot', '--out', 'a.mov', '--look', 'poster', '--key-budget', '3');
    expect(again.stages).toMatchObject({ analyse: { computed: 0, cached: 13 }, match: { computed: 0 } });
  });

  it('makes again only what depends on what changed', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), 13);
    await sceneKeys(join(install.desk, 'keys'), 13, [0, 4, 8, 12]);
    const arguments_ = ['shot', '--keys', 'keys', '--out', 'a/'];
    const first = await rendered(install, ...arguments_);
    expect(first.stages).toMatchObject({ advise: { computed: 9 }, propagate: { computed: 9 } });
    const before = await hashOf(join(install.desk, 'a'));

    // The same again: all from the cache.
    const again = await rendered(install, ...arguments_);
    expect(again.stages).toMatchObject({ match: { computed: 0, cached: 9 }, propagate: { computed: 0, cached: 9 } });
    expect(again.version).toBe(2);
    expect(await hashOf(join(install.desk, 'a'))).toBe(before);

    // Another codec: all frames from the cache.
    const movie = await rendered(install, 'shot', '--keys', 'keys', '--out', 'a.mov');
    expect(movie.stages).toMatchObject({ propagate: { computed: 0, cached: 9 }, deliver: { computed: 13 } });

    // One key repainted: only its two spans, and their correspondences not at all.
    const key = join(install.desk, 'keys', 'key_4.png');
    const picture = await readImage(key);
    await writePng(key, { ...picture, data: picture.data.map((v) => 65535 - v) });
    const repainted = await rendered(install, ...arguments_);
    expect(repainted.stages).toMatchObject({
      match: { computed: 0, cached: 9 },
      propagate: { computed: 6, cached: 3 },
    });
    expect(await hashOf(join(install.desk, 'a'))).not.toBe(before);

    // Another look: its own pictures, the old correspondences.
    const looked = await rendered(install, 'shot', '--every', '4', '--look', 'poster', '--out', 'b/');
    expect(looked.stages).toMatchObject({
      look: { computed: 4 },
      match: { computed: 0, cached: 9 },
      propagate: { computed: 9 },
    });
  });

  it('takes the own images of the artist as they are, and puts them where they belong', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), 7);
    await sceneKeys(join(install.desk, 'keys'), 7, [1, 5]);
    await rendered(install, 'shot', '--keys', 'keys', '--look', 'ink', '--out', 'a/');
    for (const n of [1, 5]) {
      expect(await readImage(join(install.desk, 'a', `00000${n}.png`))).toEqual(
        await readImage(join(install.desk, 'keys', `key_${n}.png`)),
      );
    }
    expect(await readdir(join(install.desk, 'a'))).toHaveLength(7);
  });

  it('lets the source show through outside of a mask', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), 5);
    const data = new Uint16Array(WIDTH * HEIGHT * 3);
    for (let p = 0; p < WIDTH * HEIGHT; p++) data.fill(p % WIDTH < WIDTH / 2 ? 65535 : 0, 3 * p, 3 * p + 3);
    await mkdir(join(install.desk, 'masks'));
    await writePng(join(install.desk, 'masks', 'left half 0.png'), { width: WIDTH, height: HEIGHT, channels: 3, data });
    const free = ['shot', '--every', '2', '--look', 'poster'];
    await rendered(install, ...free, '--out', 'plain/');
    const masked = await rendered(install, ...free, '--mask', 'masks', '--out', 'masked/');
    expect(masked.stages).toMatchObject({ propagate: { computed: 0 } });
    for (let n = 0; n < 5; n++) {
      const [plain, result, source] = await Promise.all(
        ['plain', 'masked', 'shot'].map((folder) => readImage(join(install.desk, folder, `00000${n}.png`))),
      );
      result!.data.forEach((v, i) => {
        const expected = Math.floor(i / 3) % WIDTH < WIDTH / 2 ? plain! : source!;
        if (v !== expected.data[i]) expect.unreachable(`frame ${n}, sample ${i}`);
      });
    }
  });

  it('takes names that look like something else', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, '--json'), 2);
    const options = ['--look', 'none', '--every-frame', '--json'];
    for (const args of [
      [...options, '--out=-o.mov', '--', '--json'],
      ['./--json', '--out', "./it's 100% {odd} $(name) 🎞.mov", ...options],
    ]) {
      expect((await run(install, 'render', ...args)).code).toBe(0);
    }
    expect((await readdir(install.desk)).sort()).toEqual(['--json', '-o.mov', "it's 100% {odd} $(name) 🎞.mov"]);
  });

  it('gives the same frames whatever the number of workers', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), 6);
    const hashes: string[] = [];
    for (const workers of ['1', '2', '5']) {
      // An install of its own, so that nothing comes from a cache.
      const alone = { ...install, home: join(install.home, workers) };
      await rendered(alone, 'shot', '--every', '5', '--look', 'oil', '--workers', workers, '--out', `w${workers}/`);
      hashes.push(await hashOf(join(install.desk, `w${workers}`)));
    }
    expect(new Set(hashes).size).toBe(1);
  });
});

describe('render refuses in one sentence and one remedy', () => {
  let install: Install;
  const refused = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(install, 'render', ...args);
    expect(stdout).toBe('');
    const lines = stderr
      .trim()
      .split('\n')
      .filter((line) => !/^Reading the source/.test(line));
    expect(lines, stderr).toHaveLength(2);
    return { code, sentence: lines[0]!, remedy: lines[1]! };
  };

  // One for all of them: nothing is rendered.
  beforeAll(async () => {
    const base = await makeFolder();
    install = await newInstall(base);
    const at = (...names: string[]): string => join(install.desk, ...names);
    await sceneFolder(at('shot'), 6);
    await sceneKeys(at('keys'), 6, [0, 5]);
    await sceneKeys(at('twice'), 6, [2]);
    await copyFile(at('twice', 'key_2.png'), at('twice', 'other 02.png'));
    for (const name of ['no numbers', 'small', 'broken', 'folder.mov']) await mkdir(at(name));
    await copyFile(at('keys', 'key_0.png'), at('no numbers', 'key.png'));
    const pixels = new Uint16Array(80 * 45 * 3);
    await writePng(at('small', '3.png'), { width: 80, height: 45, channels: 3, data: pixels });
    await writeFile(at('broken', '3.png'), 'not a picture');
    await writeFile(at('file'), '');
    return () => removeFolder(base);
  });

  it.each([
    ['an unknown extension', ['shot', '--out', 'a.gif'], /a\.gif/],
    ['no extension', ['shot', '--out', 'frames'], /frames/],
    ['no output', ['shot'], /--out/],
    ['an empty range', ['shot', '--out', 'a/', '--from', '3', '--to', '3'], /3/],
    ['a range that ends before it starts', ['shot', '--out', 'a/', '--from', '4', '--to', '2'], /4/],
    ['a range past the end', ['shot', '--out', 'a/', '--to', '99'], /99/],
    ['a frame that is no number', ['shot', '--out', 'a/', '--from', '1.5'], /1\.5/],
    ['a rate that is no fraction', ['shot', '--out', 'a/', '--rate', '23.976'], /23\.976/],
    ['two kinds of keys', ['shot', '--out', 'a/', '--every', '2', '--keys', 'keys'], /--every/],
    ['an unknown look', ['shot', '--out', 'a/', '--look', 'vangogh'], /vangogh/],
    ['an unknown option', ['shot', '--out', 'a/', '--sparkle'], /--sparkle/],
    ['the input as output', ['shot', '--out', 'shot/'], /shot/],
    ['an output inside the images', ['shot', '--out', 'shot/a.mov'], /shot/],
    ['an output inside the keys', ['shot', '--keys', 'keys', '--out', './keys/sub/'], /keys/],
    ['a folder where a movie shall be', ['shot', '--out', 'folder.mov'], /folder\.mov/],
    ['a file where a folder shall be', ['shot', '--out', 'file/'], /file/],
    ['no workers', ['shot', '--out', 'a/', '--workers', '0'], /workers/],
  ])('%s', async (_, args, words) => {
    const { code, sentence } = await refused(...args);
    expect(code).toBe(2);
    expect(sentence).toMatch(words);
  });

  it.each([
    ['a source that is not there', ['nothing.mov', '--out', 'a/'], /nothing\.mov/],
    ['keys without numbers', ['shot', '--keys', 'no numbers', '--out', 'a/'], /no numbers/],
    ['two keys for one frame', ['shot', '--keys', 'twice', '--out', 'a/'], /2/],
    ['keys all outside the range', ['shot', '--keys', 'keys', '--from', '1', '--to', '4', '--out', 'a/'], /0 to 5/],
    ['a key of another size', ['shot', '--keys', 'small', '--out', 'a/'], /80x45/],
    ['a key that is no image', ['shot', '--keys', 'broken', '--out', 'a/'], /broken/],
    [
      'an output folder that is not there',
      ['shot', '--look', 'none', '--every-frame', '--out', 'no/such/a.mov'],
      /^There is no folder .*no\/such to write to/,
    ],
  ])('%s', async (_, args, words) => {
    const { code, sentence } = await refused(...args);
    expect(code).toBe(1);
    expect(sentence).toMatch(words);
  });

  it('leaves nothing behind', async () => {
    expect((await readdir(install.desk)).sort()).toEqual(
      ['broken', 'file', 'folder.mov', 'keys', 'no numbers', 'shot', 'small', 'twice'].sort(),
    );
  });
});
