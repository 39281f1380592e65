import { openPainter, planOf } from '../diffusion/painter.ts';
import type { Runtime } from '../diffusion/runtime/runtime.ts';
import { maskOf } from '../masks/mask.ts';
import type { Frame } from '../media/frame.ts';
import type { DiffusionLook, RenderRequest } from '../protocol/request.ts';
import type { Work } from './between.ts';
import { folderName } from './cache.ts';
import { readFrame, resultName, writeFrame } from './frames.ts';
import { identityOfLook, openLook, settingsOf } from './model.ts';
import type { Pictures } from './pictures.ts';
import { diffusionKey, sourceKey } from './plan.ts';

/** What painting with a model needs besides what every stage has. */
export type Studio = {
  /** Where the networks of a profile run; they stay loaded for the next job. */
  readonly runtime: (profile: RenderRequest['profile']) => Runtime;
  /** Told where the repainted keys will lie, relative to the cache. */
  readonly keysIn: (folder: string) => void;
  /** Told often what the picture of a frame is becoming, small and rough; `picture` computes it. */
  readonly showPreview: (frame: number, picture: () => Frame) => void;
};

/** The keys as a model repaints them. Those that are not there yet are painted now; each as soon as it is done is kept. */
export async function diffusionPictures(
  { clip, source, cache, code, stages, signal }: Work,
  look: DiffusionLook,
  profile: RenderRequest['profile'],
  frames: readonly number[],
  masks: Pictures | null,
  { runtime, keysIn, showPreview }: Studio,
): Promise<Pictures> {
  const { width, height } = clip;
  const opened = await openLook(look);
  const asked = { settings: settingsOf(look), profile, pictures: frames.length, size: { width, height } };
  const plan = planOf(opened.model, asked);
  const key = diffusionKey(sourceKey(clip.identity, code), look, await identityOfLook(look, opened), plan, code);
  const folder = await cache.open('look', key);
  keysIn(folderName('look', key));

  const entries = new Map<number, string>();
  for (const n of frames) entries.set(n, keyEntry(n, masks && (await masks.identity(n, signal))));
  const there = new Set(await folder.names());
  const missing = frames.filter((n) => !there.has(entries.get(n)!));
  if (missing.length === 0)
    await stages.cached('look', 'keys', frames.length).run(frames.length, () => Promise.resolve());
  else {
    const { model, vae, learned } = opened;
    const painter = await openPainter(model, { ...asked, runtime: runtime(profile), learned, ...(vae && { vae }) });
    const steps = Math.max(painter.steps, 1);
    const meter = stages.stepped('look', frames.length, steps);
    meter.found((frames.length - missing.length) * steps);
    for (const n of missing) {
      await meter.run(steps, async (report) => {
        const mask = masks && maskOf(await masks.get(n, signal), 'grey');
        const frame = await source.get(n, signal);
        const job = { frame, prompt: look.prompt, size: frame, mask, maps: [], number: n };
        const [painted] = await painter.paint([job], signal, ({ done, total, preview }) => {
          report(done, total);
          showPreview(n, () => preview(0));
        });
        await folder.write(entries.get(n)!, await writeFrame(painted!));
      });
    }
  }
  return {
    frames,
    identity: (n) => Promise.resolve(`look ${JSON.stringify(key)} ${entries.get(n)!}`),
    get: async (n) => readFrame(await folder.read(entries.get(n)!)),
  };
}

/** The name of a repainted key in its look's folder; `mask`: the identity of what limited it. */
export const keyEntry = (frame: number, mask: string | null): string =>
  mask === null ? resultName(frame) : resultName(frame).replace(/^\d+/, (digits) => `${digits}-${mask.slice(0, 32)}`);
