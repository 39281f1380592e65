import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RenderJobView } from '../../bridge-server/protocol/job.ts';
import { isRender } from '../../plugin/versions.ts';
import { makeTinyModel } from '../diffusion/model.ts';
import type { SimPremiere, SimSequence } from '../hosts/premiere.ts';
import { pentimento } from '../server/bridge.ts';
import { root } from './built.ts';
import { openEditor } from './editor.ts';
import { executablePath, expectTidy, PanelStand, picture } from './page.ts';

declare global {
  /** In the page of a simulated editor. */
  var premiere: { readonly sim: SimPremiere; readonly sequence: SimSequence };
}

/** Shot, Look and KeyFrames in a browser, before the real bridge: what is pressed, and what comes of it. */
describe.skipIf(executablePath === null)('painting', () => {
  let stand: PanelStand;
  let models: string;
  beforeAll(async () => {
    stand = await PanelStand.open();
    await stand.makeMovie('A003_C012.mov', 24);
    models = join(stand.install.outside, 'models');
    await mkdir(models);
    await makeTinyModel(join(models, 'dream'), 'sd15');
    const golden = (name: string): string => join(root, 'test', 'goldens', name);
    await copyFile(
      golden('tiny-controlnet/original/control-1.safetensors'),
      join(models, 'control_softedge.safetensors'),
    );
    await copyFile(golden('tiny-lora/kohya-linear.safetensors'), join(models, 'anna.safetensors'));
    await copyFile(golden('tiny-sdxl/lora/kohya-sgm.safetensors'), join(models, 'xl.safetensors'));
    await pentimento(stand.install, 'models', 'add', models);
  });
  afterAll(() => stand.close());

  async function open(size = { width: 320, height: 700 }): Promise<Page> {
    const { page, errors } = await stand.openPanel({ viewport: size });
    onTestFinished(async () => {
      await page.close();
      expect(errors).toEqual([]);
    });
    await page.getByText('allowed ›').click();
    await page.getByText('A003_C012.mov', { exact: true }).click();
    return page;
  }

  const known = new Set<string>();

  /** The job that the last press on Paint made, once it is in one of these states. */
  async function newest(...states: RenderJobView['state']['state'][]): Promise<RenderJobView> {
    const connection = await stand.connect();
    try {
      const job = (): RenderJobView => {
        const [last] = connection.jobs.filter(isRender);
        expect(states).toContain(last?.state.state);
        expect(known).not.toContain(last!.id);
        return last!;
      };
      const found = await vi.waitFor(job, 60_000);
      known.add(found.id);
      return found;
    } finally {
      connection.close();
    }
  }

  const press = (page: Page, name: string) => page.getByText(name, { exact: true }).click();
  const choose = (page: Page, label: string, option: string) =>
    page.locator(`sp-dropdown[aria-label="${label}"] select`).selectOption({ label: option });
  const slide = (page: Page, label: string, value: number, n = 0) =>
    page.locator(`sp-slider[aria-label="${label}"] input`).nth(n).fill(String(value));
  const write = (page: Page, label: string, text: string) =>
    page.locator(`[aria-label="${label}"] input, [aria-label="${label}"] textarea`).first().fill(text);
  /** Editors need not tell what changed: the panel looks when it is looked at. */
  const look = async (page: Page): Promise<void> => {
    await page.mouse.move(100, 10);
    await page.mouse.move(100, 200);
  };
  const keys = (page: Page) => page.locator('.key .caption').allTextContents();

  test('says what it will paint, and a look is what was set, to the last of it', async () => {
    const page = await open();
    await page.locator('.card', { hasText: '320 × 180' }).waitFor();
    const card = await page.locator('.card').first().textContent();
    expect(card).toContain('24 frames  ·  00:01:00  ·  0–23');
    expect(card).toContain('320 × 180  ·  23.976 fps');

    await press(page, 'Describe');
    await write(page, 'What it should look like', '<lora:anna:0.4> a woman');
    await choose(page, 'Preset', 'Watercolour');
    await slide(page, 'Strength', 70);
    // Changed since it was chosen: it says so.
    await page.locator('option', { hasText: 'Watercolour (changed)' }).waitFor({ state: 'attached' });
    await press(page, '▸ More');
    await choose(page, 'From key to key', 'Locked to the key before');
    await press(page, '▸ Over time');
    for (const [frame, prompt] of [
      [20, 'a woman at night'],
      [8, 'a woman at noon'],
    ] as const) {
      await slide(page, 'Frame', frame);
      await press(page, `Another prompt at ${frame}`);
      await write(page, `From frame ${frame}`, prompt);
    }
    await press(page, 'Another prompt at 8');
    await page.getByText('There is one already.').waitFor();
    await press(page, 'Fade into the next one');
    await expectTidy(page);
    await picture(page, 'prompts');
    await press(page, '▸ Structure');
    await slide(page, 'Strength', 120, 1);
    await write(page, 'to, %', '60');
    await page.keyboard.press('Tab');
    await press(page, 'Show the map');
    const map = page.locator('.map img');
    await map.waitFor();
    expect(await map.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(100);
    await picture(page, 'structure');
    await expectTidy(page);
    await press(page, '▸ Identity');
    await page.getByText('xl is for SDXL.').waitFor();
    await press(page, 'Add a LoRA');
    await slide(page, 'Strength', -150, 1);
    await press(page, '▸ Sampling');
    await write(page, 'Seed', '77');
    await write(page, 'Steps', '4');
    await choose(page, 'Scheduler', 'Euler ancestral');
    await press(page, 'Second pass, larger and finer');
    await expectTidy(page);
    await page.locator('sp-button[variant=cta]').click();

    await page.locator('.tab.chosen', { hasText: 'Queue' }).waitFor();
    const { request } = await newest('queued', 'running');
    await press(page, 'Cancel');
    expect(request.look).toMatchObject({
      ...{ kind: 'diffusion', seed: 77, steps: 4, scheduler: 'euler_a', strength: 0.7, noise: 'carried' },
      prompt: 'a woman, watercolour painting, loose washes, wet edges, visible paper grain',
      secondPass: { scale: 1.5, strength: 0.4 },
      prompts: [
        { frame: 8, prompt: 'a woman at noon', then: 'fade' },
        { frame: 20, prompt: 'a woman at night', then: 'hold' },
      ],
      controls: [{ map: { kind: 'softedge' }, weight: 1.2, start: 0, end: 0.6 }],
      loras: [{ scale: -1.5, textScale: -1.5 }, { scale: 0.4 }],
      consistency: { attention: 'anchored', shape: 0.3 },
    });
    // The choices are there again when the panel is.
    await page.reload();
    await page.locator('.dot.connected').waitFor();
    await page.locator('sp-textarea[aria-label="What it should look like"]').waitFor();
    expect(await page.locator('textarea').first().inputValue()).toMatch(/^<lora:anna:0.4> a woman, watercolour/);
  });

  test('presets are kept, renamed, sent as text and deleted', async () => {
    const page = await open();
    await press(page, 'Describe');
    await write(page, 'What it should look like', 'anna at dawn');
    await press(page, 'Edit');
    await write(page, 'Name', 'Watercolour');
    await page.getByText('One of ours has that name: choose another.').waitFor();
    await write(page, 'Name', 'Dawn');
    await press(page, 'Keep');
    await write(page, 'Name', 'Dusk');
    await press(page, 'Rename');
    await press(page, 'Show as text');
    const text = await page.locator('sp-textarea[aria-label="Text of a preset"] textarea').inputValue();
    expect(JSON.parse(text)).toMatchObject({ name: 'Dusk', manner: { prompt: 'anna at dawn', model: 'dream' } });
    await press(page, 'Delete');
    expect(await page.locator('option', { hasText: 'Dusk' }).count()).toBe(0);
    // The editor of presets closed with the preset that it was for.
    await press(page, 'Show as text');
    await write(page, 'Text of a preset', text);
    await press(page, 'Add this preset');
    await write(page, 'What it should look like', 'something else');
    await choose(page, 'Preset', 'Dusk');
    expect(await page.locator('textarea').first().inputValue()).toBe('anna at dawn');
    await expectTidy(page);
  });

  test('in an editor: keys at the playhead and at markers; a painted version brings back what made it', async () => {
    const clip = { path: join(stand.install.allowed, 'A003_C012.mov'), at: 100, from: 6, frames: 12 };
    const { page, errors } = await openEditor(stand, 'premierepro', [clip]);
    onTestFinished(() => page.close());
    await page.locator('.card', { hasText: '12 frames' }).waitFor();
    await page.evaluate(() => {
      const { sim, sequence } = globalThis.premiere;
      const { markers, ticksPerFrame } = sim.sequence(sequence.guid);
      for (const frame of [103n, 200n]) markers.push({ at: frame * ticksPerFrame, name: 'key' });
    });
    await press(page, 'Poster');
    await look(page);
    await press(page, '▸ Show them');
    await press(page, 'Add at the marker');
    await page.locator('.key', { hasText: /^9$/ }).click();
    const playhead = (frame: number) =>
      page.evaluate((at) => {
        const { sim, sequence } = globalThis.premiere;
        sim.sequence(sequence.guid).playhead = BigInt(at) * sequence.ticksPerFrame;
      }, frame);
    await playhead(40);
    await press(page, 'Move to playhead');
    await page.getByText('The playhead is not on this clip.').waitFor();
    await playhead(110);
    await press(page, 'Move to playhead');
    await page.locator('.key.chosen', { hasText: /^16$/ }).waitFor();
    await playhead(101);
    await press(page, 'Add at playhead');
    await page.locator('.key.chosen', { hasText: /^7$/ }).waitFor();
    const picked = await keys(page);
    expect(picked).toEqual(expect.arrayContaining(['7', '16']));
    await press(page, 'Paint 12 frames');
    await page.getByText('On V2').waitFor();

    // Another look meanwhile, on the clip itself.
    await page.locator('.tab').first().click();
    await press(page, 'Ink');
    await choose(page, 'Key frames', 'Every 12 frames');
    await page.evaluate(() => {
      const { sim, sequence } = globalThis.premiere;
      sim.select(sim.sequence(sequence.guid).video[1]!.clips[0]!);
    });
    await look(page);
    const chosen = (name: string) => page.locator('.tile.chosen', { hasText: name }).waitFor();
    await chosen('Poster');
    await press(page, `▸ ${picked.length} key frames`);
    await vi.waitFor(async () => expect(await keys(page)).toEqual(picked));
    await page.locator('.key img').first().waitFor();
    await picture(page, 'version');
    await press(page, 'Back to my settings');
    await chosen('Ink');
    expect(await page.locator('sp-dropdown[aria-label="Key frames"] select').inputValue()).toContain('"step":12');
    // It is brought back when it is selected, not whenever the view is shown.
    await page.locator('.tab', { hasText: 'Queue' }).click();
    await page.locator('.tab').first().click();
    await page.locator('.card', { hasText: 'A painted version' }).waitFor();
    await chosen('Ink');
    expect(errors).toEqual([]);
  });

  test('keys are picked one by one, and the result is painted from these', async () => {
    const page = await open({ width: 260, height: 640 });
    await press(page, '▸ Show them');
    await page.locator('.key img').first().waitFor();
    const automatic = await keys(page);
    expect(automatic.length).toBeGreaterThan(0);
    await slide(page, 'Frame', 20);
    await press(page, 'Add frame 20');
    await slide(page, 'Frame', 23);
    await press(page, 'Add frame 23');
    await slide(page, 'Frame', 22);
    await press(page, 'Move to 22');
    const added = [...automatic, '20', '22'].sort((a, b) => Number(a) - Number(b));
    await vi.waitFor(async () => expect(await keys(page)).toEqual(added));
    // Of several, all but two go; the last would stay.
    for (const frame of automatic) {
      await page.locator('.key', { hasText: new RegExp(`^${frame}$`) }).click();
      await press(page, 'Remove');
    }
    const mine = join(stand.install.allowed, 'mine.png');
    await sharp({ create: { width: 320, height: 180, channels: 3, background: '#c04020' } })
      .png()
      .toFile(mine);
    await page.locator('.key', { hasText: /^22$/ }).click();
    await press(page, 'My image…');
    await write(page, 'My image for this frame', mine);
    await press(page, 'Use it');
    await page.getByText('My image: mine.png').waitFor();
    // It is shown itself, and where it cannot be, why.
    const shown = page.locator('.key', { hasText: '22 mine' }).locator('img');
    await expect.poll(async () => colourOf(await shown.getAttribute('src'))).toEqual([192, 64, 32]);
    const elsewhere = join(stand.install.outside, 'mine.png');
    await copyFile(mine, elsewhere);
    for (const [path, words] of [
      [`${mine}.png`, `There is no file or folder at ${mine}.png.`],
      [elsewhere, elsewhere],
    ] as const) {
      await press(page, 'My image…');
      await write(page, 'My image for this frame', path);
      await press(page, 'Use it');
      await page.locator('.warning', { hasText: words }).waitFor();
      expect(await shown.count()).toBe(0);
    }
    await picture(page, 'key-refused');
    await press(page, 'My image…');
    await write(page, 'My image for this frame', mine);
    await press(page, 'Use it');
    await shown.waitFor();
    expect(await page.locator('.warning').count()).toBe(0);
    await vi.waitFor(async () => expect(await keys(page)).toEqual(['20', '22 mine']));
    await picture(page, 'keys');
    await expectTidy(page);
    await page.locator('sp-button[variant=cta]').click();
    const { request, state } = await newest('done');
    expect(request.keys).toEqual({
      kind: 'chosen',
      keys: [
        { frame: 20, picture: { kind: 'painted' } },
        { frame: 22, picture: { kind: 'image', path: mine } },
      ],
    });
    expect(state).toMatchObject({ state: 'done', result: { keys: [{ frame: 20 }, { frame: 22 }] } });
    // And back to what the shot itself says.
    await page.locator('.tab').first().click();
    await press(page, '▸ 2 key frames');
    await press(page, 'Back to automatic');
    await vi.waitFor(async () => expect(await keys(page)).toEqual(automatic));
    // What made a job is brought back from the queue, and what it painted is not to be painted again.
    await page.locator('.tab', { hasText: 'Queue' }).click();
    await page.getByText('Use settings', { exact: true }).first().click();
    await press(page, '▸ 2 key frames');
    await vi.waitFor(async () => expect(await keys(page)).toEqual(['20', '22 mine']));
    await page.getByTitle('Frame 20, as it is painted').locator('img').waitFor();
    await press(page, 'Ink');
    await page.getByTitle('Frame 20', { exact: true }).locator('img').waitFor();
  });

  test('several shots are several jobs, each with what was chosen for it', async () => {
    const second = join(stand.install.allowed, 'A003_C013.mov');
    await copyFile(join(stand.install.allowed, 'A003_C012.mov'), second);
    const page = await open();
    await press(page, 'Poster');
    await press(page, '▸ Show them');
    await page.locator('.key').first().waitFor();
    await slide(page, 'Frame', 2);
    await press(page, 'Add frame 2');
    await press(page, 'Add another…');
    await press(page, 'A003_C013.mov');
    await page.getByText('2 shots', { exact: true }).waitFor();
    await expectTidy(page);
    await press(page, 'Paint 2 shots, 48 frames');
    const { request } = await vi.waitFor(async () => {
      const job = await newest('queued', 'running', 'done');
      expect(job.request.source.path).toBe(second);
      return job;
    }, 10_000);
    expect(request).toMatchObject({ keys: { kind: 'auto' }, look: { kind: 'poster' } });
    await page.locator('.job, .wait', { hasText: 'A003_C012.mov' }).first().waitFor();
  });
});

/** The mean colour of a picture that stands in its address, to a few levels as JPEG keeps it; null: there is none yet. */
async function colourOf(address: string | null): Promise<number[] | null> {
  if (!address) return null;
  const { channels } = await sharp(Buffer.from(address.slice(address.indexOf(',') + 1), 'base64')).stats();
  return channels.map(({ mean }) => Math.round(mean / 8) * 8);
}
