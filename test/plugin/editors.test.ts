import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve } from '../server/bridge.ts';
import { lying, openEditor, undo, type Clip } from './editor.ts';
import { makeNumberedMovie, makeOwnKeys, onDisk, shownIn } from './numbered.ts';
import { executablePath, expectTidy, PanelStand, picture } from './page.ts';

/**
 * The packages as they are installed, each in its editor: from the selected clip to the result on the timeline, with a real clip on
 * disk, the real bridge, real propagation and real presses of buttons. Only the editor is simulated.
 */
describe.skipIf(executablePath === null)('in its editor', () => {
  const FRAMES = 60;
  let stand: PanelStand;
  let path: string;
  beforeAll(async () => {
    stand = await PanelStand.open();
    path = join(stand.install.allowed, 'shot.mov');
    await makeNumberedMovie(path, FRAMES);
  });
  afterAll(() => stand.close());

  const clip = (from: number, frames: number, at = 100): Clip => ({ path, at, from, frames });
  const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => from + n);

  /** Chooses a style and presses the button. */
  async function paint(page: Page, style: string): Promise<void> {
    await page.locator('.tab').first().click();
    await page.getByText(style, { exact: true }).click();
    await page.locator('.foot sp-button[variant=cta]').click();
  }

  test.each(['premierepro', 'aftereffects'] as const)(
    '%s: painted frames lie above the clip that they were painted from, frame for frame',
    async (app) => {
      const { page, errors } = await openEditor(stand, app, [clip(7, 20)]);
      await page.getByText('shot.mov').first().waitFor();
      const keys = join(stand.install.allowed, `keys-${app}`);
      await makeOwnKeys(keys, 7, 27);
      await page.getByText('My images', { exact: true }).click();
      await page.getByLabel('Folder of my images').locator('input').fill(keys);
      await picture(page, `${app}-selected`);
      await paint(page, 'My images');
      await page.locator('.good').waitFor();
      await expectTidy(page);
      await picture(page, `${app}-placed`);
      const [below, above, ...others] = await lying(page);
      expect(others.flat()).toEqual([]);
      expect(below).toEqual([{ start: 100, end: 120, path }]);
      expect(above).toMatchObject([{ start: 100, end: 120 }]);
      expect(await shownIn(above![0]!.path)).toEqual(range(7, 20));
      expect(await onDisk(above![0]!.path)).toMatchObject({ frames: 20, sound: false });
      await undo(page);
      expect((await lying(page)).flat()).toEqual(below);
      await page.getByText('Place again').click();
      await expect.poll(async () => (await lying(page))[1]).toEqual(above);
      expect(errors).toEqual([]);
    },
  );

  test('a version takes the place of another one', async () => {
    const { page, errors } = await openEditor(stand, 'premierepro', [clip(30, 12)]);
    await page.getByText('12 frames').first().waitFor();
    await paint(page, 'Poster');
    await page.getByText('On V2').waitFor();
    const [, first] = await lying(page);
    await paint(page, 'Poster');
    await page.getByText('On V3').waitFor();
    const [, , second] = await lying(page);
    // The user does not want it on top.
    await undo(page);
    expect((await lying(page)).flat()).toHaveLength(2);
    await page.locator('sp-action-button', { hasText: 'Compare' }).first().click();
    await page.getByText('On the timeline: v001').waitFor();
    await picture(page, 'premierepro-swap');
    await page.getByText('Put v002 in its place').click();
    await page.getByText('On V2').waitFor();
    const [below, above, ...others] = await lying(page);
    expect(others.flat()).toEqual([]);
    expect(below).toEqual([{ start: 100, end: 112, path }]);
    expect(above).toEqual([{ ...first![0], path: second![0]!.path }]);
    expect(errors).toEqual([]);
  });

  test('a bridge that is killed in the middle is started from the panel, and the clip arrives once', async () => {
    let panels = 0;
    const start = async (): Promise<string> => {
      panels += 1;
      stand.bridge = await serve(stand.install, '--port', String(stand.bridge.port));
      return '';
    };
    const { page, errors } = await openEditor(stand, 'premierepro', [clip(0, FRAMES)], start);
    await page.getByText(`${FRAMES} frames`).first().waitFor();
    await paint(page, 'Oil');
    await page.locator('.tag.running').waitFor();
    await stand.bridge.end('SIGKILL');
    await page.getByText('Start Pentimento').click();
    await page.locator('.dot.connected').waitFor();
    expect(panels).toBe(1);
    // The new bridge goes on with what the killed one was at.
    await page.getByText('On V2').waitFor();
    const [below, above, ...others] = await lying(page);
    expect([below, above].map((track) => track!.map(({ start, end }) => [start, end]))).toEqual([
      [[100, 100 + FRAMES]],
      [[100, 100 + FRAMES]],
    ]);
    expect(others.flat()).toEqual([]);
    expect(errors).toEqual([]);
  });

  test('where the system does not know how to start the bridge, the panel says what to do', async () => {
    const { page } = await openEditor(stand, 'premierepro', [clip(0, 12)]);
    await page.locator('.dot.connected').waitFor();
    const { port } = stand.bridge;
    await stand.bridge.end('SIGKILL');
    await page.getByText('Start Pentimento').click();
    await page.getByText('pentimento register').waitFor();
    await picture(page, 'not-started');
    stand.bridge = await serve(stand.install, '--port', String(port));
    await page.locator('.dot.connected').waitFor();
  });

  test('two panels at once: each sees the work of both, and places its own', async () => {
    const [one, two] = await Promise.all([
      openEditor(stand, 'premierepro', [clip(2, 12)]),
      openEditor(stand, 'aftereffects', [clip(40, 12)]),
    ]);
    await Promise.all([one, two].map(({ page }) => page.getByText('12 frames').first().waitFor()));
    await paint(one.page, 'Ink');
    await paint(two.page, 'Ink');
    await Promise.all([one, two].map(({ page }) => page.locator('.good').waitFor()));
    const jobs = await Promise.all([one, two].map(({ page }) => page.locator('.card.job').count()));
    expect(jobs[0]).toBe(jobs[1]);
    const results = await Promise.all(
      [one, two].map(async ({ page }) => {
        const [below, above, ...others] = await lying(page);
        expect([below, above].map((track) => track!.length)).toEqual([1, 1]);
        expect(others.flat()).toEqual([]);
        return above![0]!.path;
      }),
    );
    expect(new Set(results).size).toBe(2);
    expect([...one.errors, ...two.errors]).toEqual([]);
  });
});
