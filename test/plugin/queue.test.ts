import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RenderJobView } from '../../bridge-server/protocol/job.ts';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import type { Connection } from '../../plugin/bridge/connection.ts';
import { isRender } from '../../plugin/versions.ts';
import { makeTinyModel } from '../diffusion/model.ts';
import { root } from './built.ts';
import { executablePath, expectTidy, PanelStand, picture } from './page.ts';
import { until } from './until.ts';

/** Queue, Compare and Models in a browser, before the real bridge: what is pressed, and what comes of it. */
describe.skipIf(executablePath === null)('the work of the bridge', () => {
  let stand: PanelStand;
  let connection: Connection;
  let short: string;
  let long: string;
  beforeAll(async () => {
    stand = await PanelStand.open();
    short = await stand.makeMovie('short.mov', 12);
    long = await stand.makeMovie('long.mov', 120, { width: 640, height: 360 });
    connection = await stand.connect();
  });
  afterAll(async () => {
    connection.close();
    await stand.close();
  });

  const renders = (): RenderJobView[] => connection.jobs.filter(isRender);
  const job = (id: string): RenderJobView => renders().find((one) => one.id === id)!;

  async function submit(path: string, look: 'ink' | 'oil' | 'poster', step = 11): Promise<string> {
    const request: RenderRequest = {
      version: 1,
      source: { path, from: 0, to: null, rate: null, alpha: 'straight' },
      keys: { kind: 'every', step },
      look: { kind: look },
      mask: null,
      profile: 'fast',
      output: {
        kind: 'movie',
        path: path.replace('.mov', `_${look}_{version}.mov`),
        codec: 'prores4444',
        sound: false,
      },
    };
    return (await connection.submit(randomUUID(), request)).id;
  }

  async function open(view: 'Queue' | 'Models', size = { width: 260, height: 640 }): Promise<Page> {
    const { page, errors } = await stand.openPanel({ viewport: size });
    onTestFinished(async () => {
      await page.close();
      expect(errors).toEqual([]);
    });
    await page.locator('.tab', { hasText: view }).click();
    return page;
  }

  const button = (page: Page, name: string) => page.locator('sp-action-button', { hasText: new RegExp(`^${name}$`) });

  test('a batch: what waits is put in another order, what runs pauses and goes on, what is over is taken off', async () => {
    const [first, second, third] = [
      await submit(long, 'oil'),
      await submit(short, 'ink'),
      await submit(short, 'poster'),
    ];
    await until(connection, () => job(first).state.state === 'running');
    const page = await open('Queue');
    const waiting = page.locator('.wait');
    await waiting.nth(1).waitFor();
    expect(await waiting.first().textContent()).toContain('Ink');
    await expectTidy(page);
    await picture(page, 'queue-batch');

    await waiting.nth(1).locator('sp-action-button[title=Earlier]').click();
    await until(connection, () => job(third).place === 0 && job(second).place === 1);
    await waiting.first().filter({ hasText: 'Poster' }).waitFor();
    await waiting.first().locator('sp-action-button[title=Later]').click();
    await until(connection, () => job(second).place === 0);
    await waiting.nth(1).filter({ hasText: 'Poster' }).waitFor();
    await waiting.nth(1).locator('sp-action-button[title=Cancel]').click();
    await until(connection, () => job(third).state.state === 'cancelled');

    await button(page, 'Pause').click();
    await page.locator('.tag.paused').waitFor();
    // The next one takes its turn.
    await until(connection, () => job(second).state.state === 'done');
    expect(job(first).state.state).toBe('paused');
    await picture(page, 'queue-paused');
    await page.locator('.card', { hasText: 'long.mov' }).locator('sp-action-button', { hasText: 'Go on' }).click();
    await until(connection, () => job(first).state.state === 'running');
    await button(page, 'Cancel').click();
    await until(connection, () => job(first).state.state === 'cancelled');

    const cards = page.locator('.card.job');
    expect(await cards.count()).toBe(3);
    await page.locator('.card', { hasText: 'long.mov' }).locator('sp-action-button', { hasText: 'Remove' }).click();
    expect(await cards.count()).toBe(2);
    await page.reload();
    await page.locator('.tab', { hasText: 'Queue' }).click();
    await cards.first().waitFor();
    expect(await cards.count()).toBe(2);
    await button(page, 'Clear').click();
    await page.getByText('Nothing painted yet').waitFor();
  });

  test('a job that failed says why and what to do, and is tried again', async () => {
    const path = join(stand.install.allowed, 'moved.mov');
    await copyFile(short, path);
    const blocker = await submit(long, 'oil');
    const id = await submit(path, 'ink');
    await rename(path, `${path}.away`);
    await connection.cancel(blocker);
    await until(connection, () => job(id).state.state === 'failed');
    const page = await open('Queue');
    const card = page.locator('.card', { hasText: 'moved.mov' });
    await card.getByText('Check the path, or relink the clip.').waitFor();
    await expectTidy(page);
    await picture(page, 'queue-failed');
    await rename(`${path}.away`, path);
    await card.locator('sp-action-button', { hasText: 'Try again' }).click();
    await card.locator('.tag.done').waitFor();
  });

  test('before and after, frame by frame; a weak span gets a key, and the next version is compared with this one', async () => {
    const id = await submit(short, 'oil');
    await until(connection, () => job(id).state.state === 'done');
    const page = await open('Queue');
    await page.locator('.card', { hasText: 'Oil' }).first().locator('sp-action-button', { hasText: 'Compare' }).click();
    const pictures = page.locator('.still');
    await pictures.nth(1).waitFor();
    await expectTidy(page);
    await picture(page, 'compare');

    // What is shown is what the bridge has for that frame.
    const frame = async (of: 'source' | 'result', n: number) =>
      pixels((await connection.framePicture(id, of, n, 480))!);
    const shown = async (n: number) => pixels((await pictures.nth(n).getAttribute('src'))!);
    await page.getByText('Key ›').click();
    await page.getByText('Frame 11 is a key.').waitFor();
    await page.getByText('‹ Key').click();
    await page.getByText('Frame 0 is a key.').waitFor();
    await page.locator('sp-action-button[title="One frame on"]').click();
    await page.getByText(/^Frame 1: \d+\.\d levels\.$/).waitFor();
    await expect.poll(async () => (await shown(0)).equals(await frame('result', 1))).toBe(true);
    await expect.poll(async () => (await shown(1)).equals(await frame('source', 1))).toBe(true);
    expect((await frame('source', 1)).equals(await frame('result', 1))).toBe(false);

    await page.getByText('Flip', { exact: true }).click();
    await page.getByText('Showing v001 Oil').waitFor();
    await page.locator('.stage').click();
    await page.getByText('Showing Original').waitFor();
    expect((await shown(0)).equals(await frame('source', 1))).toBe(true);
    await page.getByText('Side by side', { exact: true }).click();
    expect(await pictures.count()).toBe(2);
    await expectTidy(page);

    await page.locator('.chip').first().click();
    const fix = page.locator('sp-button', { hasText: 'Add a key at' });
    const at = Number(/\d+/.exec((await fix.textContent())!)![0]);
    await fix.click();
    await until(connection, () => connection.jobs[0]!.id !== id && connection.jobs[0]!.state.state === 'done');
    const next = renders()[0]!;
    expect(next.version).toBe(2);
    expect(next.request.keys).toEqual({
      kind: 'chosen',
      keys: [0, at, 11].map((frame) => ({ frame, picture: { kind: 'painted' } })),
    });
    const card = page.locator('.card', { hasText: 'v002' });
    await card.locator('.tag.done').waitFor();
    await card.locator('sp-action-button', { hasText: 'Compare' }).click();
    await page.locator('sp-dropdown').first().locator('select').selectOption({ label: 'v001 Oil' });
    await page.getByText('‹ Key').click();
    await picture(page, 'compare-versions');
    expect(await page.locator('.sides').textContent()).toContain('v002 Oil');
  });

  test('a job that still runs shows what there is: the source at once, then a preview of the whole shot', async () => {
    const path = await stand.makeMovie('running.mov', 40, { width: 640, height: 360 });
    const id = await submit(path, 'poster', 39);
    await until(connection, () => job(id).state.state === 'running');
    const page = await open('Queue');
    const card = page.locator('.card', { hasText: 'running.mov' });
    await card.locator('sp-action-button', { hasText: 'Compare' }).click();
    await page.getByText('The graph comes when the shot is finished.').waitFor();
    await page.locator('.note', { hasText: 'Not painted yet' }).waitFor();
    await page.locator('.note').waitFor({ state: 'detached' });
    expect(job(id).state.state).toBe('running');
    await picture(page, 'compare-running');
    await connection.cancel(id);
  });

  test('models: a beginner is told what to get; what is added is there, beside what it goes with', async () => {
    const page = await open('Models');
    await page.getByText('No models yet').waitFor();
    await page.getByText('Stable Diffusion XL 1.0', { exact: true }).waitFor();
    await expectTidy(page);
    await picture(page, 'models-none');

    const models = join(stand.install.allowed, 'models');
    await mkdir(models);
    const field = page.locator('sp-textfield input');
    const add = page.locator('sp-button', { hasText: 'Add' });
    await writeFile(join(models, 'broken.safetensors'), 'no model at all');
    await field.fill(join(models, 'broken.safetensors'));
    await add.click();
    await page.locator('.warning').waitFor();
    await picture(page, 'models-refused');

    await makeTinyModel(join(models, 'painterly'), 'sd15');
    await copyFile(
      join(root, 'test', 'goldens', 'tiny-controlnet', 'original', 'control-1.safetensors'),
      join(models, 'lines.safetensors'),
    );
    for (const name of ['lines.safetensors', 'painterly']) {
      await field.fill(join(models, name));
      await add.click();
      await page.locator('.model .name', { hasText: name }).first().waitFor();
    }
    const family = page.locator('.section', { hasText: 'Stable Diffusion 1.5' }).first();
    expect(await family.textContent()).toMatch(/painterly.*Checkpoint.*lines.*ControlNet.*These go together\./);
    await expectTidy(page);
    await picture(page, 'models');

    const row = page.locator('.model', { hasText: 'lines' });
    await row.locator('sp-action-button', { hasText: '×' }).click();
    await button(page, 'Keep it').click();
    await row.locator('sp-action-button', { hasText: '×' }).click();
    await page.getByText('A file of your own stays').waitFor();
    await expectTidy(page);
    await picture(page, 'models-removing');
    await button(page, 'Remove it').click();
    await row.waitFor({ state: 'detached' });
    expect(await readdir(models)).toContain('lines.safetensors');
  });
});

/** Of a picture that stands in its address. */
async function pixels(address: string): Promise<Buffer> {
  return await sharp(Buffer.from(address.slice(address.indexOf(',') + 1), 'base64'))
    .raw()
    .toBuffer();
}
