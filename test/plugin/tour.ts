import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import type { RenderJobView } from '../../bridge-server/protocol/job.ts';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import { isRender } from '../../plugin/versions.ts';
import { makeTinyModel } from '../diffusion/model.ts';
import { pentimento } from '../server/bridge.ts';
import { root } from './built.ts';
import { openEditor } from './editor.ts';
import { PanelStand } from './page.ts';
import { until } from './until.ts';

// node bin/run.mjs test/plugin/tour.ts: draws the pictures of docs/panel.md anew, from the panel in a browser before the real
// bridge. What they show was really rendered; only the models are tiny ones, whose names are made up.

const pictures = join(root, 'docs', 'panel');
const stand = await PanelStand.open();
const { home, allowed, outside } = stand.install;
const connection = await stand.connect();
try {
  await takePictures();
} finally {
  connection.close();
  await stand.close();
}
process.exit(0);

async function takePictures(): Promise<void> {
  const size = { width: 640, height: 360 };
  const arms = await stand.makeMovie('A003_C012.mov', 48, size);
  const town = await stand.makeMovie('A003_C014.mov', 48, { ...size, kind: 'pan', seed: 5 });
  const balloon = await stand.makeMovie('A004_C001.mov', 48, { ...size, kind: 'occluder', seed: 3 });
  await addModels();

  const paint = await open();
  await paint.getByText('allowed ›').click();
  await paint.getByText('A003_C012.mov').click();
  await paint.getByText('Ink', { exact: true }).click();
  await paint.locator('.card', { hasText: '640 × 360' }).waitFor();
  await save(paint, 'paint');
  await paint.getByText('▸ Show them').click();
  await paint.locator('.key img').nth(1).waitFor();
  await bottom(paint);
  await save(paint, 'keys');
  await paint.getByText('Describe', { exact: true }).click();
  await paint
    .locator('[aria-label="What it should look like"] textarea')
    .fill('a woman before a harbour, evening light');
  await paint.locator('[aria-label="Preset"] select').selectOption({ label: 'Watercolour' });
  await paint.locator('.scroll').evaluate((element) => element.scrollTo(0, 0));
  await save(paint, 'describe', 800);
  await paint.getByText('▸ More').click();
  await paint.getByText('▸ Structure').click();
  await paint.getByText('Show the map').click();
  await paint.locator('.map img').waitFor();
  await paint.locator('.map img').scrollIntoViewIfNeeded();
  await save(paint, 'structure', 720);

  const few = await submit(arms, 'ink', { kind: 'every', step: 47 });
  const auto = await submit(arms, 'oil', { kind: 'auto', budget: 4 });
  await until(connection, () => [few, auto].every((id) => job(id).state.state === 'done'));
  const compare = await open();
  await compare.locator('.tab', { hasText: 'Queue' }).click();
  const ink = compare.locator('.card', { hasText: 'Ink' });
  await ink.locator('sp-action-button', { hasText: 'Details' }).click();
  await ink.locator('.strip img').nth(1).waitFor();
  await save(compare, 'done', 500);
  await ink.locator('sp-action-button', { hasText: 'Compare' }).click();
  await compare.locator('.still').nth(1).waitFor();
  await save(compare, 'compare', 760);
  const both = await open('light', 700);
  await both.locator('.tab', { hasText: 'Queue' }).click();
  await both.locator('.card', { hasText: 'Oil' }).locator('sp-action-button', { hasText: 'Compare' }).click();
  await both.getByText('Side by side').click();
  await both.locator('sp-dropdown').first().locator('select').selectOption({ label: 'v001 Ink' });
  await both.locator('.still').nth(1).waitFor();
  await save(both, 'versions', 720);

  const queued = [await submit(town, 'poster'), await submit(balloon, 'oil'), await submit(town, 'ink')];
  await until(connection, () => {
    const { state } = job(queued[0]!);
    return state.state === 'running' && state.progress?.stage === 'propagate' && state.progress.done > 4;
  });
  for (const scheme of ['dark', 'light'] as const) {
    const queue = await open(scheme);
    await queue.locator('.tab', { hasText: 'Queue' }).click();
    await queue.locator('.thumb img').nth(1).waitFor();
    await save(queue, `queue-${scheme}`, 640);
  }
  for (const id of queued) await connection.cancel(id);

  await takeTraining();

  const models = await open();
  await models.locator('.tab', { hasText: 'Models' }).click();
  await models.locator('.model').first().waitFor();
  await save(models, 'models', 800);

  const { page: stranger } = await stand.newPage({ viewport: { width: 340, height: 400 } });
  await stranger.goto(`http://127.0.0.1:${stand.bridge.port}/`);
  await stranger.locator('sp-textfield').waitFor();
  await save(stranger, 'pair', 400);

  const { page: editor } = await openEditor(stand, 'premierepro', [{ path: arms, at: 100, from: 6, frames: 24 }]);
  await editor.getByText('24 frames').first().waitFor();
  await save(editor, 'premiere');
  await stand.bridge.end('SIGKILL');
  const html = await readFile(join(root, 'plugin', 'browser.html'), 'utf8');
  await editor.route(/:\d+\/$/, (route) => route.fulfill({ contentType: 'text/html', body: html }));
  await editor.reload();
  await editor.getByText('Start Pentimento').waitFor();
  await save(editor, 'start', 400);
}

/** From the box around the subject to the LoRA. */
async function takeTraining(): Promise<void> {
  const train = await open();
  // No control offers what is small enough for tiny models.
  const settings = { steps: 160, rank: 8, alpha: 8, rate: 1e-2, accumulate: 4, layers: 'all', warmup: 8 };
  const small = { trigger: 'mirelda', count: 10, area: 128 * 128, samples: { every: 0, prompt: '' }, settings };
  await train.evaluate((text) => localStorage.setItem('pentimento.training', text), JSON.stringify(small));
  await train.locator('.tab', { hasText: 'Train' }).click();
  await train.getByText('allowed ›').click();
  await train.getByText('A003_C012.mov').click();
  await train.locator('.card', { hasText: '640 × 360' }).waitFor();
  await train.locator('[aria-label="Where it is"] select').selectOption({ label: 'In a box' });
  const stage = train.locator('.place .stage');
  await stage.locator('img').waitFor();
  const { width, height } = (await stage.boundingBox())!;
  await stage.click({ position: { x: width * 0.32, y: height * 0.08 } });
  await stage.click({ position: { x: width * 0.68, y: height * 0.72 } });
  await train.getByText('Look at the frames').click();
  await train.locator('.example').nth(2).waitFor();
  await train.locator('.example').nth(1).click();
  await train.locator('[aria-label="What this frame shows"] textarea').fill('mirelda, arms half raised');
  await train.getByText(/^About .* of memory/).waitFor();
  await train.setViewportSize({ width: 340, height: 860 });
  await train.locator('.place').evaluate((place) => place.scrollIntoView());
  await save(train, 'train', 860);
  await train.locator('sp-button[variant=cta]').click();
  const card = train.locator('.card.job', { hasText: '“mirelda”' });
  await card.locator('.tag.done').waitFor({ timeout: 300_000 });
  await card.locator('.strip img').nth(2).waitFor();
  await save(train, 'trained', 540);
}

async function addModels(): Promise<void> {
  const golden = (name: string): string => join(root, 'test', 'goldens', name);
  await mkdir(join(outside, 'models'));
  const model = (name: string): string => join(outside, 'models', name);
  await makeTinyModel(model('gouache-v2'), 'sd15');
  await copyFile(
    golden('tiny-controlnet/original/control-1.safetensors'),
    model('control_v11p_sd15_softedge.safetensors'),
  );
  await copyFile(golden('tiny-lora/kohya-linear.safetensors'), model('harbour-light.safetensors'));
  await pentimento(stand.install, 'models', 'add', join(outside, 'models'));
}

async function open(colorScheme: 'dark' | 'light' = 'dark', width = 340): Promise<Page> {
  return (await stand.openPanel({ colorScheme, viewport: { width, height: 680 } })).page;
}

function bottom(page: Page): Promise<void> {
  return page.locator('.scroll').evaluate((element) => element.scrollTo(0, 10_000));
}

/** As it is, `height` pixels high; few colours, so that it stays small. */
async function save(page: Page, name: string, height = 680): Promise<void> {
  await page.setViewportSize({ width: page.viewportSize()!.width, height });
  await page.mouse.move(0, 0);
  // Pictures that were asked for come.
  await page.waitForTimeout(2000);
  // Where this ran is nobody's business.
  const places = [
    [allowed, '/Volumes/Shots'],
    [join(home, 'data'), '/Users/me/Pentimento'],
  ] as const;
  await page.locator('.path').evaluateAll((paths, all) => {
    for (const path of paths) for (const [from, to] of all) path.textContent = path.textContent.replace(from, to);
  }, places);
  const shot = await page.screenshot();
  await sharp(shot)
    .png({ palette: true, colours: 160, effort: 10 })
    .toFile(join(pictures, `${name}.png`));
}

async function submit(
  path: string,
  look: 'ink' | 'oil' | 'poster',
  keys: RenderRequest['keys'] = { kind: 'auto', budget: null },
): Promise<string> {
  const request: RenderRequest = {
    version: 1,
    source: { path, from: 0, to: null, rate: null, alpha: 'straight' },
    keys,
    look: { kind: look },
    mask: null,
    profile: 'fast',
    output: { kind: 'movie', path: path.replace('.mov', `_${look}_{version}.mov`), codec: 'prores4444', sound: false },
  };
  return (await connection.submit(randomUUID(), request)).id;
}

function job(id: string): RenderJobView {
  return connection.jobs.filter(isRender).find((one) => one.id === id)!;
}
