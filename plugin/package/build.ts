import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync, type Zippable } from 'fflate';
import webpack, { type Configuration } from 'webpack';
import { brokenBy } from './laws.ts';
import { HOSTS, iconFiles, manifestFor, manifestSchema, type HostApp } from './manifest.ts';

// npm run build: the panel for a browser (dist/browser), and for each editor a folder to load while developing
// (dist/premierepro, dist/aftereffects) and a package to install (dist/*.ccx). An argument: another folder than dist.

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = resolve(process.argv[2] ?? join(root, 'dist'));
const { default: configurations } = (await import(new URL('../../webpack.config.js', import.meta.url).href)) as {
  default: Configuration[];
};

await rm(dist, { recursive: true, force: true });
await bundle();
const broken = brokenBy(await readFile(join(dist, 'editors', 'index.js'), 'utf8'), await styles());
if (broken.length > 0) throw new Error(`Not for an editor:\n${broken.join('\n')}`);
await cp(join(root, 'plugin', 'browser.html'), join(dist, 'browser', 'index.html'));
const manifest = manifestSchema.parse(JSON.parse(await readFile(join(root, 'manifest.json'), 'utf8')));
for (const app of Object.keys(HOSTS) as HostApp[]) await makePackage(app);

function bundle(): Promise<void> {
  return new Promise((resolve, reject) => {
    const inDist = configurations.map((one) => ({ ...one, output: { ...one.output, path: join(dist, one.name!) } }));
    webpack(inDist, (error, stats) => {
      if (error) reject(error);
      else if (stats?.hasErrors()) reject(new Error(stats.toString({ all: false, errors: true })));
      else resolve();
    });
  });
}

async function styles(): Promise<string> {
  const panel = join(root, 'plugin', 'panel');
  const sheets = (await readdir(panel)).filter((name) => name.endsWith('.css'));
  return (await Promise.all(sheets.map((name) => readFile(join(panel, name), 'utf8')))).join('\n');
}

async function makePackage(app: HostApp): Promise<void> {
  const own = manifestFor(app, manifest);
  const files: [string, Uint8Array][] = [
    ['manifest.json', Buffer.from(`${JSON.stringify(own, null, 2)}\n`)],
    ['index.html', await readFile(join(root, 'plugin', 'editors.html'))],
    ['index.js', await readFile(join(dist, 'editors', 'index.js'))],
    ['index.js.LICENSE.txt', await readFile(join(dist, 'editors', 'index.js.LICENSE.txt'))],
  ];
  for (const { path } of iconFiles(own)) files.push([path, await readFile(join(root, 'plugin', path))]);
  for (const [path, bytes] of files) {
    await mkdir(join(dist, app, path, '..'), { recursive: true });
    await writeFile(join(dist, app, path), bytes);
  }
  const target = join(dist, `${own.id}_${app}.ccx`);
  await writeFile(target, zip(files));
  process.stdout.write(`${target}\n`);
}

/** The same bytes from the same files, whenever and wherever: sorted, and dated where zip's calendar begins. */
function zip(files: readonly [string, Uint8Array][]): Uint8Array {
  const sorted = files.toSorted(([a], [b]) => (a < b ? -1 : 1));
  const entries: Zippable = Object.fromEntries(sorted.map(([path, bytes]) => [path, [bytes, {}]]));
  return zipSync(entries, { level: 9, mtime: new Date(1980, 0, 1), os: 0 });
}
