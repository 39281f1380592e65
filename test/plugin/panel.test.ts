import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { BRIDGE_PORTS, START_SCHEME } from '../../bridge-server/protocol/wire.ts';
import { brokenBy } from '../../plugin/package/laws.ts';
import { HOSTS, iconFiles, manifestSchema, type HostApp, type Manifest } from '../../plugin/package/manifest.ts';
import { pentimento, serve, type Install } from '../server/bridge.ts';
import { build, builtPanel, dist, root } from './built.ts';
import { executablePath, expectTidy, PanelStand, picture } from './page.ts';

/** What `npm run build` makes: the packages as files, and the panel in a real browser, against the real bridge. */
const text = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

beforeAll(builtPanel);

describe('the packages', () => {
  const apps = Object.keys(HOSTS) as HostApp[];
  const files = async (app: HostApp) => unzipSync(await readFile(join(dist, `app.pentimento.panel_${app}.ccx`)));

  test.each(apps)('%s: a manifest for one editor, and everything that it names', async (app) => {
    const inside = await files(app);
    const manifest = JSON.parse(strFromU8(inside['manifest.json']!)) as Manifest & Record<string, unknown>;
    expect(manifest).toMatchObject({ manifestVersion: 5, name: 'Pentimento', host: HOSTS[app], main: 'index.html' });
    expect(manifest.id).toMatch(/^[a-z]+(\.[a-z]+)+$/);
    const { version } = JSON.parse(await text('package.json')) as { version: string };
    expect(manifest.version).toBe(version);
    for (const { path, width, height } of iconFiles(manifest)) {
      expect(await sharp(inside[path]).metadata(), path).toMatchObject({ width, height, format: 'png' });
    }
    const code = strFromU8(inside['index.js']!);
    for (const { id } of manifest.entrypoints) expect(code).toContain(`panels:{${id}:`);
  });

  test('ask for no more than the bridge’s own addresses, its start, and a dialog for folders', async () => {
    const manifest = JSON.parse(await text('manifest.json')) as Manifest;
    const addresses = ['http', 'ws'].flatMap((scheme) => BRIDGE_PORTS.map((port) => `${scheme}://127.0.0.1:${port}`));
    expect(manifest.requiredPermissions).toEqual({
      network: { domains: addresses },
      localFileSystem: 'request',
      launchProcess: { schemes: [START_SCHEME], extensions: [] },
    });
  });

  test('hold nothing that an editor forbids or lacks: nothing else is built', async () => {
    const inside = await files('premierepro');
    const code = strFromU8(inside['index.js']!);
    // The style sheets are in it, as text.
    expect(brokenBy(code, '')).toEqual([]);
    const required = [...code.matchAll(/\brequire\(["']([^"']+)["']\)/g)].map(([, name]) => name);
    expect(new Set(required)).toEqual(new Set(['uxp', 'premierepro', 'aftereffects']));
  });

  test.each([
    ['code from text', 'const f=new Function("return 1")', ''],
    ['code from text', 'window.eval("1")', ''],
    ['text encoders', 'new TextEncoder().encode(a)', ''],
    ['loading code later', 'import("./b.js")', ''],
    ['modules of Node', 'require("fs")', ''],
    ['modules of Node', "import a from 'node:fs'", ''],
    ['a source map', '//# sourceMappingURL=index.js.map', ''],
    ['more than 600000 bytes', 'é'.repeat(300_001), ''],
    ['a display that', '', '.a { display: table }'],
    ['grid', '', '.a { grid-template-columns: 1fr }'],
    ['float', '', '.a { float: left }'],
    ['transitions and animations', '', '.a { transition: opacity 1s }'],
    ['fonts of its own', '', '@font-face { src: url(a.woff) }'],
    ['selectors by attribute', '', '[data-on] { color: red }'],
    ['the font shorthand', '', '.a { font: 12px sans-serif }'],
    ['gap', '', '.a { gap: 4px }'],
  ])('%s would be found', (law, code, css) => {
    expect(brokenBy(code, css)).toEqual([expect.stringContaining(law)]);
  });

  test('a manifest that an editor would not take is not built', async () => {
    const manifest = JSON.parse(await text('manifest.json')) as Record<string, unknown>;
    expect(manifestSchema.safeParse(manifest).success).toBe(true);
    const wrong: Record<string, unknown>[] = [
      { host: [manifest['host']] },
      { manifestVersion: 6 },
      { version: '1.0' },
      { id: 'Pentimento' },
      { entrypoints: [] },
      { requiredPermissions: { network: { domains: ['all', 'http://127.0.0.1:41741'] } } },
      { requiredPermissions: { ...(manifest['requiredPermissions'] as object), allowCodeGenerationFromStrings: true } },
      { requiredPermissions: { ...(manifest['requiredPermissions'] as object), localFileSystem: 'fullAccess' } },
    ];
    for (const changes of wrong) {
      expect(manifestSchema.safeParse({ ...manifest, ...changes }).success, JSON.stringify(changes)).toBe(false);
    }
  });

  test('are the same bytes when they are built again', async () => {
    const again = await mkdtemp(join(tmpdir(), 'pentimento-build-'));
    onTestFinished(() => rm(again, { recursive: true }));
    await build(again);
    const packages = (await readdir(dist)).filter((name) => name.endsWith('.ccx'));
    expect(packages).toHaveLength(2);
    for (const name of packages) {
      expect((await readFile(join(again, name))).equals(await readFile(join(dist, name))), name).toBe(true);
    }
  });
});

describe.skipIf(executablePath === null)('in a browser', () => {
  let stand: PanelStand;
  let install: Install;
  beforeAll(async () => {
    stand = await PanelStand.open();
    install = stand.install;
    await stand.makeMovie('A003_C012.mov', 24);
  });
  afterAll(() => stand.close());

  test('a movie is chosen, painted and shown, from the first look to the finished keys', async () => {
    const { page, errors } = await stand.openPanel();
    expect(page.url()).not.toContain('code');
    await page.getByText('allowed ›').click();
    await page.getByText('A003_C012.mov').click();
    await picture(page, 'paint');
    await page.getByText('Ink', { exact: true }).click();
    await page.locator('sp-button[variant=cta]').click();
    await page.locator('.tag.done').waitFor();
    const keys = page.locator('.strip img');
    await keys.first().waitFor();
    expect(await keys.first().evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(144);
    await picture(page, 'queue');
    const output = await page.locator('.path').textContent();
    expect(output).toBe(join(install.allowed, 'A003_C012_ink_v001.mov'));
    expect((await readdir(install.allowed)).includes('A003_C012_ink_v001.mov')).toBe(true);
    expect(errors).toEqual([]);
  });

  test('serve --open has the system open it, by an address that works once and holds no token', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pentimento-opener-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const opened = join(folder, 'opened');
    await writeFile(
      join(folder, 'xdg-open'),
      `#!/bin/sh\nprintf %s "$1" > '${opened}.part' && mv '${opened}.part' '${opened}'\n`,
    );
    await chmod(join(folder, 'xdg-open'), 0o755);
    const env = { PATH: `${folder}:${process.env.PATH}` };
    // The bridge of this install runs already: its panel is opened.
    const ran = await pentimento({ ...install, env }, 'serve', '--open');
    expect(JSON.parse(ran.stdout)).toEqual({ port: stand.bridge.port, version: stand.bridge.version });
    const address = await vi.waitFor(() => readFile(opened, 'utf8'), 20_000);
    expect(address).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${stand.bridge.port}/#code=[0-9A-Z-]{9}$`));
    expect(address).not.toContain(stand.bridge.token);
    const [first, second] = [await stand.newPage(), await stand.newPage()];
    await first.page.goto(address);
    await first.page.locator('.dot.connected').waitFor();
    await second.page.goto(address);
    await second.page.getByText('This panel is not paired yet.').waitFor();
  });

  const SIZES = [
    { width: 260, height: 300 },
    { width: 260, height: 640 },
    { width: 340, height: 680 },
    { width: 700, height: 900 },
  ];

  test.each(['dark', 'light'] as const)('every view is tidy at every size, %s', async (colorScheme) => {
    const { page, errors } = await stand.openPanel({ colorScheme });
    await page.getByText('allowed ›').click();
    await page.getByText('A003_C012.mov').click();
    for (const viewport of SIZES) {
      await page.setViewportSize(viewport);
      const name = (view: string): string => `${view}-${viewport.width}x${viewport.height}-${colorScheme}`;
      await page.locator('.tab').first().click();
      for (const style of ['Oil', 'My images', 'Describe']) {
        await page.getByText(style, { exact: true }).click();
        await expectTidy(page);
      }
      await picture(page, name('describe'));
      await page.getByText('▸ More').click();
      await page.locator('.scroll').evaluate((element) => element.scrollTo(0, 10_000));
      await expectTidy(page);
      await picture(page, name('more'));
      await page.getByText('▾ Less').click();
      // The button is there whatever the size.
      const button = await page.locator('sp-button[variant=cta]').boundingBox();
      expect(button!.y + button!.height).toBeLessThanOrEqual(viewport.height);
      await page.locator('.tab', { hasText: 'Queue' }).click();
      await expectTidy(page);
      await picture(page, name('queue'));
    }
    expect(errors).toEqual([]);
  });

  test('works by the keyboard', async () => {
    const { page } = await stand.openPanel();
    await page.getByText('allowed ›').focus();
    await page.keyboard.press('Enter');
    await page.getByText('A003_C012.mov', { exact: true }).focus();
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Poster' }).focus();
    await page.keyboard.press('Enter');
    expect(await page.getByRole('button', { name: 'Poster' }).getAttribute('aria-pressed')).toBe('true');
    const seen: (string | null)[] = [];
    for (let n = 0; n < 20; n++) {
      await page.keyboard.press('Tab');
      seen.push(await page.evaluate(() => document.activeElement?.tagName ?? null));
    }
    for (const widget of ['SP-DROPDOWN', 'SP-ACTION-BUTTON', 'SP-BUTTON']) expect(seen).toContain(widget);
  });

  test('says what is wrong, asks for the code, and goes on when the bridge is back', async () => {
    const { page } = await stand.newPage();
    await page.goto(`http://127.0.0.1:${stand.bridge.port}/`);
    await page.getByText('This panel is not paired yet.').waitFor();
    await picture(page, 'not-paired');
    await page.locator('sp-textfield input').fill('0000-0000');
    await page.locator('sp-button').click();
    await page.getByText('That code is wrong or too old.').waitFor();
    const { code } = JSON.parse((await pentimento(install, 'pair', '--json')).stdout) as { code: string };
    await page.locator('sp-textfield input').fill(code);
    await page.locator('sp-button').click();
    await page.locator('.dot.connected').waitFor();
    const { port } = stand.bridge;
    await stand.bridge.end('SIGKILL');
    await page.locator('.line').waitFor();
    await picture(page, 'lost');
    stand.bridge = await serve(install, '--port', String(port));
    await page.locator('.dot.connected').waitFor();
  });

  test('the page is the bridge’s own: under its own name only, loading and framed by nobody else', async () => {
    const address = `http://127.0.0.1:${stand.bridge.port}/`;
    const answer = await fetch(address);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await answer.text()).not.toContain(stand.bridge.token);
    for (const path of ['panel.js', 'index.html', '../package.json', 'panel.js/', 'v1/folder', 'v1/models']) {
      expect((await fetch(address + path)).status, path).toBe(path === 'panel.js' ? 200 : 401);
    }
  });

  test('the package for editors runs: a simulated Premiere, its clip painted and laid above itself', async () => {
    const { page, errors } = await stand.newPage();
    // The page is the bridge's, so that the browser knows it for a local one; its script is the editor.
    const served: Record<string, string> = {
      '/panel.js': editorScript(stand.bridge.token, join(install.allowed, 'A003_C012.mov')),
      '/premiere.js': stripTypeScriptTypes(await text('test/hosts/premiere.ts')),
      '/stand-ins.js': stripTypeScriptTypes(await text('plugin/panel/stand-ins.ts')),
      // The ports of the product may be taken on this machine.
      '/index.js': (await text('dist/premierepro/index.js')).replaceAll('41741', String(stand.bridge.port)),
    };
    for (const [path, body] of Object.entries(served)) {
      await page.route(`**${path}`, (route) => route.fulfill({ contentType: 'text/javascript', body }));
    }
    await page.goto(`http://127.0.0.1:${stand.bridge.port}/`);
    await page.getByText('A003_C012.mov').waitFor();
    expect(await page.locator('.card').first().textContent()).toContain('12 frames');
    await picture(page, 'premiere');
    await page.getByText('Poster', { exact: true }).click();
    await page.getByText('Paint 12 frames').click();
    await page.getByText('On V2').waitFor();
    await picture(page, 'premiere-placed');
    const lying = await page.evaluate(() => (globalThis as unknown as { lying: () => unknown }).lying());
    expect(lying).toEqual([[[100, 112]], [[100, 112]]]);
    expect(errors).toEqual([]);
  });
});

/** The editor around the package: its modules, its store, and a project with one clip selected. */
const editorScript = (token: string, path: string): string => `(async () => {
const { SimPremiere } = await import('/premiere.js');
const { defineStandIns } = await import('/stand-ins.js');
defineStandIns();
const sim = new SimPremiere();
const ticks = 10594584000n;
const film = { num: 24000, den: 1001 };
const sequence = sim.addSequence('Cut 3', ticks);
const item = sim.addMedia(${JSON.stringify(path)}, { frames: 24, rate: film, sound: true });
sim.select(sim.addClip(sequence, item, { at: 100, frames: 12, from: 6n * ticks }));
// Whatever is to be imported is there: the bridge has written it.
sim.disk.get = (file) => ({ frames: 12, rate: film, sound: false });
globalThis.lying = () =>
  sim.sequence(sequence.guid).video.map(({ clips }) =>
    clips.map(({ start, end }) => [Number(start / ticks), Number(end / ticks)]));
const uxp = {
  host: { name: 'premierepro', version: '26.5.0' },
  storage: {
    secureStorage: {
      getItem: async () => Uint8Array.from(${JSON.stringify(token)}, (letter) => letter.charCodeAt(0)),
      setItem: async () => undefined,
    },
    localFileSystem: { getFolder: async () => null },
  },
  entrypoints: { setup: ({ panels }) => panels.pentimento.create(document.body) },
};
globalThis.require = (name) => ({ uxp, premierepro: sim.api })[name];
const script = document.createElement('script');
script.src = '/index.js';
document.head.appendChild(script);
})();
`;
