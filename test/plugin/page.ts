import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { openMovie, type MovieOptions } from '../../bridge-server/media/encode.ts';
import { Connection } from '../../plugin/bridge/connection.ts';
import { makeScene, type SceneOptions } from '../media/scene.ts';
import { newInstall, pentimento, removeInstall, serve, type Install, type Served } from '../server/bridge.ts';
import { builtPanel, root } from './built.ts';
import { chromiumPath } from './chromium.ts';
import { until } from './until.ts';

/** Where there is no browser, what needs one is left out. */
export const executablePath = chromiumPath();

/** Kept, to be looked at. */
const pictures = join(root, 'out', 'panel');

export type Opened = { readonly page: Page; readonly errors: string[] };

/** A browser before the real bridge of an install of its own, with a movie where panels may paint. */
export class PanelStand {
  readonly install: Install;
  bridge: Served;
  readonly #browser: Browser;

  private constructor(install: Install, bridge: Served, browser: Browser) {
    this.install = install;
    this.bridge = bridge;
    this.#browser = browser;
  }

  static async open(): Promise<PanelStand> {
    await builtPanel();
    await mkdir(pictures, { recursive: true });
    const install = await newInstall();
    const bridge = await serve(install);
    const browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
    return new PanelStand(install, bridge, browser);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.bridge.end('SIGKILL');
    await removeInstall(this.install);
  }

  /** A movie of things that move, in the allowed folder. */
  async makeMovie(name: string, frames: number, drawn: Partial<SceneOptions> = {}): Promise<string> {
    const scene = await makeScene({ kind: 'arms', seed: 7, width: 320, height: 180, frames, ...drawn });
    const { width, height } = scene;
    const colour = { matrix: 'bt709', range: 'limited', primaries: 'bt709', transfer: 'bt709' } as const;
    const options: MovieOptions = {
      ...{ codec: 'prores4444', width, height, channels: 3, rate: { num: 24000, den: 1001 }, colour },
      ...{ pixelAspect: { num: 1, den: 1 }, alpha: 'straight', audio: null },
    };
    const path = join(this.install.allowed, name);
    const movie = await openMovie(path, options, new AbortController().signal);
    for (let n = 0; n < frames; n++) await movie.write(n, scene.frame(n));
    await movie.finish();
    return path;
  }

  /** The bridge as a panel has it, without a page: what is asked for beside what is pressed. The caller closes it. */
  async connect(): Promise<Connection> {
    const tokens = { read: () => Promise.resolve(this.bridge.token), keep: () => Promise.resolve() };
    const connection = new Connection({ ports: [this.bridge.port], tokens });
    await until(connection, () => connection.state.kind === 'connected');
    return connection;
  }

  async newPage(options: BrowserContextOptions = {}): Promise<Opened> {
    const page = await this.#browser.newPage({
      viewport: { width: 320, height: 640 },
      colorScheme: 'dark',
      ...options,
    });
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    return { page, errors };
  }

  /** As `serve --open` does: with a code in the fragment. */
  async openPanel(options: BrowserContextOptions = {}): Promise<Opened> {
    const { code } = JSON.parse((await pentimento(this.install, 'pair', '--json')).stdout) as { code: string };
    const opened = await this.newPage(options);
    await opened.page.goto(`http://127.0.0.1:${this.bridge.port}/#code=${code}`);
    await opened.page.locator('.dot.connected').waitFor();
    return opened;
  }
}

export const picture = (page: Page, name: string) => page.screenshot({ path: join(pictures, `${name}.png`) });

/** Nothing may stick out sideways, except in a strip that scrolls. */
export async function expectTidy(page: Page): Promise<void> {
  const untidy = await page.evaluate(() => {
    const wide = [...document.querySelectorAll<HTMLElement>('.panel *')].filter((element) => {
      const box = element.getBoundingClientRect();
      // What is cut off by its frame does not stick out of it.
      const inside = element.closest('.strip, .over, .cutout') !== null;
      return !inside && (box.right > innerWidth + 0.5 || box.left < -0.5);
    });
    return wide.map(({ className, tagName }) => `${tagName}.${className}`);
  });
  expect(untidy).toEqual([]);
}
