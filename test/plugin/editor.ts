import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { dist, root } from './built.ts';
import { FILM, FILM_TICKS, onDisk } from './numbered.ts';
import type { Opened, PanelStand } from './page.ts';

/** A clip on a simulated timeline: frames [from, from + frames) of a movie, from frame `at` on. Selected. */
export type Clip = { readonly path: string; readonly at: number; readonly from: number; readonly frames: number };

/** What lies on a simulated timeline, in frames: one list a track or layer from the bottom up. */
export type Lying = readonly (readonly { readonly start: number; readonly end: number; readonly path: string }[])[];

type App = 'premierepro' | 'aftereffects';

/**
 * The package of an editor in a browser, with that editor simulated around it: its modules, its store, a project with clips. What
 * it imports is looked for on the real disk. `onStart`: what happens when the panel asks the system to start the bridge.
 */
export async function openEditor(
  stand: PanelStand,
  app: App,
  clips: readonly Clip[],
  onStart: () => Promise<string> = () => Promise.resolve('no program for it'),
): Promise<Opened> {
  const opened = await stand.newPage();
  const { page } = opened;
  const source = async (path: string): Promise<string> =>
    stripTypeScriptTypes(await readFile(join(root, path), 'utf8'));
  const code = await readFile(join(dist, app, 'index.js'), 'utf8');
  const { port } = stand.bridge;
  // The page is the bridge's, so that the browser knows it for a local one; its script is the editor.
  const served: Record<string, string> = {
    '/panel.js': SCRIPTS[app](stand.bridge.token, clips),
    '/premiere.js': await source('test/hosts/premiere.ts'),
    '/after-effects.js': await source('test/hosts/after-effects.ts'),
    '/stand-ins.js': await source('plugin/panel/stand-ins.ts'),
    // The ports of the product may be taken on this machine.
    '/index.js': code.replaceAll('41741', String(port)).replaceAll(/4174[234]/g, '1'),
  };
  for (const [path, body] of Object.entries(served)) {
    await page.route(`**${path}`, (route) => route.fulfill({ contentType: 'text/javascript', body }));
  }
  await page.route('**/on-disk?*', async (route) => {
    const path = decodeURIComponent(new URL(route.request().url()).search.slice(1));
    await route.fulfill({ json: await onDisk(path).catch(() => null) });
  });
  await page.exposeFunction('startAsked', (address: string) =>
    address === 'pentimento:start' ? onStart() : 'another address',
  );
  await page.goto(`http://127.0.0.1:${port}/`);
  return opened;
}

export const lying = (page: Page): Promise<Lying> =>
  page.evaluate(() => (globalThis as unknown as { lying: () => Lying }).lying());

/** What the user does in the editor: takes back the newest step. */
export const undo = (page: Page): Promise<void> =>
  page.evaluate(() => (globalThis as unknown as { undo: () => void }).undo());

const json = JSON.stringify;

/** What all editors have. `editor` makes `modules`, `name`, `lying` and `undo` of `onDisk` and `clips`. */
const around = (token: string, clips: readonly Clip[], editor: string): string => `(async () => {
const clips = ${json(clips)};
// Editors look at a file when it is imported, not later.
const onDisk = (path) => {
  const asked = new XMLHttpRequest();
  asked.open('GET', '/on-disk?' + encodeURIComponent(path), false);
  asked.send();
  return JSON.parse(asked.responseText) ?? undefined;
};
const { defineStandIns } = await import('/stand-ins.js');
defineStandIns();
${editor}
globalThis.lying = lying;
globalThis.undo = undo;
const uxp = {
  host: { name, version: '27.0' },
  storage: {
    secureStorage: {
      getItem: async () => Uint8Array.from(${json(token)}, (letter) => letter.charCodeAt(0)),
      setItem: async () => undefined,
    },
    localFileSystem: { getFolder: async () => null, getFileForOpening: async () => null },
  },
  shell: { openExternal: (address) => startAsked(address) },
  entrypoints: { setup: ({ panels }) => panels.pentimento.create(document.body) },
};
globalThis.require = (asked) => ({ uxp, ...modules })[asked];
const script = document.createElement('script');
script.src = '/index.js';
document.head.appendChild(script);
})();
`;

const SCRIPTS: Readonly<Record<App, (token: string, clips: readonly Clip[]) => string>> = {
  premierepro: (token, clips) =>
    around(
      token,
      clips,
      `const { SimPremiere } = await import('/premiere.js');
const sim = new SimPremiere();
const ticks = ${FILM_TICKS}n;
sim.disk.get = onDisk;
const sequence = sim.addSequence('Cut 3', ticks);
sim.select(...clips.map(({ path, at, from, frames }) => {
  const item = sim.addMedia(path, onDisk(path));
  return sim.addClip(sequence, item, { at, frames, from: BigInt(from) * ticks });
}));
const fileOf = (id) => sim.state.items.find((item) => item.id === id).path;
const lying = () => sim.sequence(sequence.guid).video.map((track) => track.clips.map(({ start, end, item }) =>
  ({ start: Number(start / ticks), end: Number(end / ticks), path: fileOf(item) })));
const undo = () => sim.undo();
globalThis.premiere = { sim, sequence };
const [name, modules] = ['premierepro', { premierepro: sim.api }];`,
    ),
  aftereffects: (token, clips) =>
    around(
      token,
      clips,
      `const { SimAfterEffects } = await import('/after-effects.js');
const sim = new SimAfterEffects();
const seconds = (frame) => (frame * ${FILM.den}) / ${FILM.num};
const facts = (path) => {
  const found = onDisk(path);
  return found && { rate: found.rate.num / found.rate.den, duration: (found.frames * found.rate.den) / found.rate.num };
};
sim.disk.get = facts;
const comp = sim.addComp('Comp 1', ${FILM.num} / ${FILM.den});
for (const { path, at, from, frames } of clips) {
  const footage = sim.addFootage(path, facts(path));
  const times = { startTime: seconds(at - from), inPoint: seconds(at), outPoint: seconds(at + frames) };
  sim.selected.add(sim.addLayer(comp, footage.id, times).id);
}
const fileOf = (id) => sim.state.items.find((item) => item.id === id).file;
const frame = (time) => Math.round(time / seconds(1));
const lying = () => sim.comp(comp.id).layers.map(({ inPoint, outPoint, source }) =>
  [{ start: frame(inPoint), end: frame(outPoint), path: fileOf(source) }]).reverse();
const undo = () => sim.undo();
const [name, modules] = ['After Effects', { aftereffects: sim.module() }];`,
    ),
};
