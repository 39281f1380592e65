import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readImage } from '../../bridge-server/media/image.ts';
import * as f from '../../bridge-server/onnx/functions.ts';
import { Graph } from '../../bridge-server/onnx/graph.ts';
import { finish } from '../../bridge-server/onnx/model.ts';
import { HEIGHT, WIDTH, sceneFolder, sceneMovie } from '../cli/footage.ts';
import { hashOf, newInstall, run, start, type Install } from '../cli/install.ts';

const pictures = (folder: string): Promise<string[]> => readdir(folder);

async function annotatorIn({ desk }: Install, name: string): Promise<string> {
  const graph = new Graph();
  const x = graph.input('picture', 'float32', [1, 3, 'height', 'width']);
  graph.output('depth', f.conv(x, graph.floats([0.3, 0.6, 0.1], [1, 3, 1, 1]), null));
  const folder = join(desk, name);
  await mkdir(folder);
  await writeFile(join(folder, 'light.onnx'), finish(graph, 'folded').bytes);
  const description = {
    kind: 'depth',
    input: { size: { shorter: 48, multipleOf: 8 } },
    output: { values: 'inverse' },
  };
  await writeFile(join(folder, 'light.json'), JSON.stringify(description));
  return folder;
}

describe('pentimento control', () => {
  it('writes maps named by source frame, and says what it did', async () => {
    const install = await newInstall();
    await sceneMovie(join(install.desk, 'the shot.mov'), 9);
    const asked = ['control', 'hed', 'the shot.mov', '--out', 'maps', '--from', '3', '--to', '6', '--json'];
    const { code, stdout, stderr } = await run(install, ...asked);
    expect(stderr.trim().split('\n').at(-1)).toBe('{"stage":"control","done":3,"total":3,"unit":"frames"}');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      output: join(install.desk, 'maps'),
      kind: 'softedge',
      frames: 3,
      width: WIDTH,
      height: HEIGHT,
      notes: [],
    });
    expect(await pictures(join(install.desk, 'maps'))).toEqual(['000003.png', '000004.png', '000005.png']);
    const map = await readImage(join(install.desk, 'maps', '000004.png'));
    expect([map.width, map.height]).toEqual([WIDTH, HEIGHT]);
    const bright = map.data.filter((value) => value > 30000).length / map.data.length;
    expect(bright).toBeGreaterThan(0.01);
    expect(bright).toBeLessThan(0.4);
  });

  it('draws the same map of a frame in every range, in the size that it is asked for', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), 9);
    const canny = ['control', 'canny', 'shot', '--low', '40', '--high', '90', '--size', '128x128'];
    expect((await run(install, ...canny, '--out', 'all')).code).toBe(0);
    expect((await run(install, ...canny, '--out', 'one', '--from', '5', '--to', '6', '--workers', '1')).code).toBe(0);
    expect(await pictures(join(install.desk, 'all'))).toHaveLength(9);
    const [a, b] = ['all', 'one'].map((folder) => join(install.desk, folder, '000005.png'));
    expect(await hashOf(a!)).toBe(await hashOf(b!));
    const { width, height } = await readImage(a!);
    expect([width, height]).toEqual([176, 96]);
    expect((await run(install, ...canny, '--out', 'lone', '--no-steady')).code).toBe(0);
    expect(await hashOf(join(install.desk, 'lone', '000005.png'))).not.toBe(await hashOf(a!));
  });

  it('draws depth by the annotator that it is given, or the one in the model store', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), 3);
    const folder = await annotatorIn(install, 'annotators');
    const depth = ['control', 'midas', 'shot', '--out'];
    const missing = await run(install, ...depth, 'none');
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('A depth map needs an annotator network');
    expect((await run(install, ...depth, 'given', '--annotator', join(folder, 'light.onnx'))).code).toBe(0);
    expect((await run(install, 'models', 'add', folder)).code).toBe(0);
    expect((await run(install, ...depth, 'stored')).code).toBe(0);
    const [a, b] = ['given', 'stored'].map((name) => join(install.desk, name, '000001.png'));
    expect(await hashOf(a!)).toBe(await hashOf(b!));
  });

  it('stops at once, leaves nothing, and says so', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), 60);
    const { child, ended, said } = start(install, 'control', 'softedge', 'shot', '--out', 'maps', '--json');
    await said(({ done }) => done === 2);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toContain('"code":"cancelled"');
    expect((await readdir(install.desk)).sort()).toEqual(['shot']);
  });

  it.each([
    [['fog', 'shot', '--out', 'maps'], 2, "'fog' is invalid"],
    [['tile', 'shot', '--out', 'maps', '--low', '3'], 2, '--low is for canny maps, not for tile.'],
    [['softedge', 'shot', '--out', 'maps', '--coarseness', '3'], 2, '--coarseness is for tile, blur, colour maps'],
    [['tile', 'shot', '--out', 'maps', '--coarseness', '1000'], 2, '--coarseness'],
    [['canny', 'shot', '--out', 'maps', '--from', '2', '--to', '9'], 2, 'The range 2 to 9 is not in'],
    [['canny', 'shot', '--out', 'shot'], 2, 'The result would be written over what it is made from'],
    [['canny', 'nothing.mov', '--out', 'maps'], 1, 'There is no file or folder'],
    [['depth', 'shot', '--out', 'maps', '--annotator', 'shot'], 1, 'shot.json'],
  ])('refuses %j', async (asked, exit, words) => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), 3);
    const { code, stderr, stdout } = await run(install, 'control', ...asked);
    expect(stderr).toContain(words);
    expect(stderr.trim().split('\n')).toHaveLength(2);
    expect(stdout).toBe('');
    expect(code).toBe(exit);
    expect(await readdir(install.desk)).toEqual(['shot']);
  });
});
