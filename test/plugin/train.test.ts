import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { TrainJobView } from '../../bridge-server/protocol/job.ts';
import type { Connection } from '../../plugin/bridge/connection.ts';
import { makeTinyModel } from '../diffusion/model.ts';
import { pentimento } from '../server/bridge.ts';
import { openEditor } from './editor.ts';
import { executablePath, expectTidy, PanelStand, picture } from './page.ts';
import { until } from './until.ts';

/** The Train view in a browser, before the real bridge with a tiny model: from the clip to the LoRA in the look. */
const STEPS = 60;

describe.skipIf(executablePath === null)('training', () => {
  let stand: PanelStand;
  let connection: Connection;
  beforeAll(async () => {
    stand = await PanelStand.open();
    await stand.makeMovie('A003_C012.mov', 24);
    await stand.makeMovie('A003_C013.mov', 12, { seed: 3 });
    connection = await stand.connect();
  });
  afterAll(async () => {
    connection.close();
    await stand.close();
  });

  /** The view, with small settings that no control offers. */
  async function open(options: Parameters<PanelStand['openPanel']>[0] = {}): Promise<Page> {
    const { page, errors } = await stand.openPanel({ viewport: { width: 260, height: 680 }, ...options });
    onTestFinished(async () => {
      await page.close();
      expect(errors).toEqual([]);
    });
    // A machine that does much else takes its time to train.
    page.setDefaultTimeout(90_000);
    const small = { count: 4, area: 128 * 96, settings: { rank: 2, alpha: 2, rate: 5e-3 } };
    await page.evaluate((text) => localStorage.setItem('pentimento.training', text), JSON.stringify(small));
    await page.locator('.tab', { hasText: 'Train' }).click();
    return page;
  }

  async function choose(page: Page, ...names: readonly string[]): Promise<void> {
    for (const [n, name] of names.entries()) {
      await page.getByText(n > 0 ? 'Add another…' : 'allowed ›').click();
      await page.locator('.entry', { hasText: name }).click();
    }
    await page
      .locator('.card', { hasText: '320 × 180' })
      .nth(names.length - 1)
      .waitFor();
  }

  const button = (page: Page, name: string) => page.locator('sp-action-button', { hasText: new RegExp(`^${name}$`) });
  const field = (page: Page, name: string) => page.locator(`[aria-label="${name}"]`).locator('input, textarea');
  const select = (page: Page, name: string, label: string) =>
    page.locator(`[aria-label="${name}"] select`).selectOption({ label });
  const start = (page: Page) => page.locator('sp-button[variant=cta]');

  test('without a model it says where to get one', async () => {
    const page = await open();
    await page.getByText('No model is installed yet.').waitFor();
    await expectTidy(page);
    await page.getByText('Add a model…').click();
    await page.getByText('No models yet').waitFor();
    await makeTinyModel(join(stand.install.outside, 'gouache-v2'), 'sd15');
    await pentimento(stand.install, 'models', 'add', join(stand.install.outside, 'gouache-v2'));
  });

  test.each(['dark', 'light'] as const)('is tidy at every size, %s', async (colorScheme) => {
    const page = await open({ colorScheme });
    await choose(page, 'A003_C012.mov');
    await page.getByText('Say by which word it is called up.').waitFor();
    await select(page, 'Where it is', 'In a box');
    await page.getByText('▸ Details of the training').click();
    for (const [width, height] of [
      [260, 300],
      [260, 640],
      [340, 680],
      [700, 900],
    ] as const) {
      await page.setViewportSize({ width, height });
      await expectTidy(page);
      const foot = await start(page).boundingBox();
      expect(foot!.y + foot!.height).toBeLessThanOrEqual(height);
      await picture(page, `train-${width}x${height}-${colorScheme}`);
      await page.locator('.scroll').evaluate((element) => element.scrollTo(0, 10_000));
      await picture(page, `train-finer-${width}x${height}-${colorScheme}`);
      await page.locator('.scroll').evaluate((element) => element.scrollTo(0, 0));
    }
  });

  test('a clip, a word, two clicks around the subject, a look at the frames; then the LoRA is in the look', async () => {
    const page = await open();
    await choose(page, 'A003_C012.mov');
    await field(page, 'Word that calls it up').fill('mirelda');
    await select(page, 'Where it is', 'In a box');
    const stage = page.locator('.place .stage');
    await stage.locator('img').waitFor();
    const { width, height } = (await stage.boundingBox())!;
    await stage.click({ position: { x: width * 0.75, y: height * 0.9 } });
    await page.getByText('Now the opposite corner.').waitFor();
    await stage.click({ position: { x: width * 0.25, y: height * 0.1 } });
    // In pixels of the clip, to a pixel of the panel.
    const wanted = { Left: 80, Top: 18, Width: 160, Height: 144 };
    for (const [side, pixels] of Object.entries(wanted)) {
      expect(Math.abs(Number(await field(page, side).inputValue()) - pixels), side).toBeLessThanOrEqual(3);
    }
    await expectTidy(page);
    await picture(page, 'train-box');

    await page.getByText('Look at the frames').click();
    const examples = page.locator('.example');
    await examples.nth(2).waitFor();
    // Pictures are asked for when they come into sight.
    await examples.first().scrollIntoViewIfNeeded();
    await examples.locator('img').nth(2).waitFor();
    const count = await examples.count();
    await examples.nth(0).click();
    await button(page, 'Leave out').click();
    await examples.nth(1).click();
    await field(page, 'What this frame shows').fill('mirelda, arms wide');
    await page.getByText(`${count - 1} of ${count} frames`).waitFor();
    await expectTidy(page);
    await page.locator('.examples').scrollIntoViewIfNeeded();
    await picture(page, 'train-frames');
    await page.getByText('▸ Details of the training').click();
    await field(page, 'Steps').fill(String(STEPS));
    await field(page, 'Steps').press('Tab');
    await page.getByText(/^About .* of memory, .* are free\.$/).waitFor();
    await field(page, 'Every so many steps').fill('30');
    await field(page, 'Every so many steps').press('Tab');
    await picture(page, 'train-cost');

    await start(page).click();
    const card = page.locator('.card.job', { hasText: '“mirelda”' });
    await card.waitFor();
    const job = () => connection.jobs.find(({ kind }) => kind === 'train') as TrainJobView;
    await until(connection, () => connection.jobs.some(({ kind }) => kind === 'train'));
    expect(job().request).toMatchObject({
      trigger: 'mirelda',
      examples: { kind: 'chosen' },
      samples: { every: 30, prompt: 'a photo of mirelda' },
      settings: { steps: STEPS, rank: 2 },
    });
    const { examples: asked } = job().request;
    expect(asked.kind === 'chosen' && asked.frames.length).toBe(count - 1);
    expect(asked.kind === 'chosen' && asked.frames[0]!.caption).toBe('mirelda, arms wide');

    await card.getByText(/loss \d/).waitFor();
    await card.locator('sp-action-button', { hasText: 'Pause' }).click();
    await card.locator('.tag.paused').waitFor();
    await card.locator('sp-action-button', { hasText: 'Details' }).click();
    await card.locator('.column').first().waitFor();
    await picture(page, 'train-paused');
    await card.locator('sp-action-button', { hasText: 'Go on' }).click();
    await card.locator('.tag.done').waitFor();
    await card.locator('.sample').waitFor();
    await page.setViewportSize({ width: 260, height: 1000 });
    await card.locator('.strip img').nth(2).waitFor();
    await expect.poll(() => card.locator('.column').count()).toBe(STEPS);
    // The first step's bar tells of it.
    await card.locator('.column').first().click();
    await card.getByText(/^Step 1: \d/).waitFor();
    expect(await card.textContent()).toContain('mirelda, arms wide');
    await expectTidy(page);
    await picture(page, 'train-done');

    const { state } = job();
    expect(state.state).toBe('done');
    await card.locator('sp-action-button', { hasText: 'Use settings' }).click();
    await page.locator('.tab.chosen', { hasText: 'Train' }).waitFor();
    await examples.first().waitFor();
    expect(await field(page, 'Word that calls it up').inputValue()).toBe('mirelda');
    expect(await page.locator('.example').count()).toBe(count - 1);

    await page.locator('.tab', { hasText: 'Queue' }).click();
    await card.locator('sp-action-button', { hasText: 'Use in Paint' }).click();
    expect(await field(page, 'What it should look like').inputValue()).toBe('mirelda');
    await page.getByText('▸ More').click();
    await page.getByText('1 LoRA').click();
    expect(await page.locator('[aria-label="LoRA"] select').inputValue()).toContain('mirelda');
    expect(await page.getByText('No longer installed.').count()).toBe(0);
    await picture(page, 'train-used');
  }, 240_000);

  test('in an editor: what is selected, and the subject in the frame at the playhead', async () => {
    const path = join(stand.install.allowed, 'A003_C012.mov');
    const { page, errors } = await openEditor(stand, 'premierepro', [{ path, at: 100, from: 6, frames: 12 }]);
    await page.locator('.tab', { hasText: 'Train' }).click();
    await page.locator('.card', { hasText: '6–17' }).waitFor();
    await field(page, 'Word that calls it up').fill('mirelda');
    await select(page, 'Where it is', 'In a box');
    const playhead = (frame: number) =>
      page.evaluate((at) => {
        const { sim, sequence } = globalThis.premiere;
        sim.sequence(sequence.guid).playhead = BigInt(at) * sequence.ticksPerFrame;
      }, frame);
    await playhead(40);
    await button(page, 'At playhead').click();
    await page.getByText('The playhead is not on this clip.').waitFor();
    await playhead(103);
    await button(page, 'At playhead').click();
    const stage = page.locator('.place .stage');
    await stage.locator('img').waitFor();
    const { width, height } = (await stage.boundingBox())!;
    const draw = async (from: number): Promise<void> => {
      for (const part of [from, 0.6]) await stage.click({ position: { x: width * part, y: height * part } });
    };
    await draw(0.1);
    await playhead(110);
    await button(page, 'At playhead').click();
    // What was proposed in the first frame is gone.
    await page.locator('.place .chip').waitFor();
    expect(await page.locator('.place .chip').allTextContents()).toEqual(['Frame 9']);
    await draw(0.2);
    await page.getByText('Frame 16', { exact: true }).click();
    expect(Math.abs(Number(await field(page, 'Left').inputValue()) - 64)).toBeLessThanOrEqual(3);
    await page.locator('sp-action-button[title="Remove the box of frame 16"]').click();
    await page.getByText('Frame 9', { exact: true }).click();
    expect(Math.abs(Number(await field(page, 'Left').inputValue()) - 32)).toBeLessThanOrEqual(3);
    await expectTidy(page);
    expect(errors).toEqual([]);
    await page.close();
  });

  test('what cannot be trained is refused before it starts, in words', async () => {
    const page = await open();
    await choose(page, 'A003_C012.mov', 'A003_C013.mov');
    await field(page, 'Word that calls it up').fill('mirelda');
    await page.getByText('Train on 2 clips').waitFor();
    await select(page, 'Clip', 'A003_C013.mov');
    await select(page, 'Where it is', 'Where my masks are white');
    await page.getByText('Choose the folder of your masks first.').waitFor();
    await select(page, 'Where it is', 'The whole picture');
    await page.getByText(/^About .* of memory/).waitFor();
    expect(await start(page).getAttribute('disabled')).toBeNull();
    // A folder that the user did not allow.
    await page.getByText('▸ Details of the training').click();
    await field(page, 'Folder of others of its kind').fill(stand.install.outside);
    await page.getByText('Say what the others of its kind show.').waitFor();
    await field(page, 'What those show').fill('a photo of a person');
    await page.locator('.warning', { hasText: stand.install.outside }).waitFor();
    expect(await start(page).getAttribute('disabled')).not.toBeNull();
    await picture(page, 'train-refused');
  });
});
