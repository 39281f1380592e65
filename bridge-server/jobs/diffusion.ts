import { createHash } from 'node:crypto';
import { type ControlMaps, openControlMaps } from '../control/maps.ts';
import { Surroundings } from '../control/surroundings.ts';
import type { Correspondence } from '../diffusion/consistency/correspondence.ts';
import { decisiveFor, openShot, windowsOf } from '../diffusion/consistency/shot.ts';
import { leadsByCourse, linksKeys } from '../diffusion/consistency/settings.ts';
import { openPainter, type Painted, type PaintJob } from '../diffusion/painter.ts';
import { planOf } from '../diffusion/passes.ts';
import type { Placement } from '../diffusion/runtime/messages.ts';
import type { Runtime } from '../diffusion/runtime/runtime.ts';
import { maskOf } from '../masks/mask.ts';
import { FrameWindow, openClip } from '../media/clip.ts';
import type { Frame } from '../media/frame.ts';
import type { DiffusionLook, RenderRequest } from '../protocol/request.ts';
import { correspondence } from '../shot/correspondence.ts';
import type { Work } from './between.ts';
import { folderName } from './cache.ts';
import { seedsOf } from './chosen.ts';
import { followDetails, refuseDetails } from './details.ts';
import { courseName, readCourse, writeCourse } from './courses.ts';
import { readFrame, resultName, writeFrame } from './frames.ts';
import { filesOf, identityOfLook, openLook, settingsOf } from './model.ts';
import type { Pictures } from './pictures.ts';
import { openPrompts } from './prompts.ts';
import { diffusionKey, sourceKey } from './plan.ts';

/** What painting with a model needs besides what every stage has. */
export type Studio = {
  /** Where the networks of a profile run, whose weights are in these files; they stay loaded for the next job. */
  readonly runtime: (profile: RenderRequest['profile'], files: readonly string[]) => Promise<Runtime>;
  /** Told where the repainted keys will lie. */
  readonly keysIn: (place: KeyPlace) => void;
  /** Told often what the picture of a frame is becoming, small and rough; `picture` computes it. */
  readonly showPreview: (frame: number, picture: () => Frame) => void;
  /** Whether somebody wants to see what becomes of it before it is done. */
  readonly isWatched: () => boolean;
};

/** What frames of the source may take that control maps are drawn from. */
const MAPS_BYTES = 64 * 2 ** 20;

/** Where repainted keys lie: a folder, relative to the cache, and the entry in it of every key. */
export type KeyPlace = { readonly folder: string; readonly entries: ReadonlyMap<number, string> };

/** A model and all that steers it, opened and found to go together and to fit the clip. */
export type Atelier = {
  /** What the user should know, as far as it is known yet. */
  readonly notes: readonly string[];
  /** The keys as the model repaints them. Those that are not there yet are painted now; each is kept as soon as it is done. */
  pictures(keys: readonly number[], cuts: readonly number[]): Promise<Pictures>;
  close(): Promise<void>;
};

/** Whether what a key becomes depends on the keys before it, back to where its shot begins. */
export const linksShots = ({ noise, consistency, motion }: DiffusionLook): boolean =>
  noise === 'carried' || motion !== null || linksKeys(consistency);

/** Failures: those of openLook and openControls. */
export async function openAtelier(
  work: Work,
  look: DiffusionLook,
  request: Pick<RenderRequest, 'profile' | 'source' | 'keys'>,
  masks: Pictures | null,
  studio: Studio,
): Promise<Atelier> {
  const { clip, source, engine, cache, code, stages, signal } = work;
  const { keysIn, showPreview } = studio;
  const { profile, keys: wanted } = request;
  const seeds = seedsOf(wanted, look);
  const opened = await openLook(look);
  const runtime = await studio.runtime(profile, filesOf(look, opened));
  const settings = settingsOf(look);
  const alike = { ...look, motion: look.motion !== null };
  refuseDetails(look, clip);
  const prompts = await openPrompts(work, look);
  const controls = await openControls(work, look, request.source, runtime);
  const details = await followDetails(work, look).catch(async (error: unknown) => {
    await controls.close();
    throw error;
  });

  const placed: string[] = [];

  /** What decides the picture of a key besides the look and the keys before it. */
  async function identityOf(key: number): Promise<readonly string[]> {
    const identities = [await prompts.identity(key, signal), JSON.stringify([settings.details, details.at(key)])];
    if (seeds.has(key)) identities.push(`seed ${seeds.get(key)!}`);
    if (masks) identities.push(await masks.identity(key, signal));
    for (const maps of controls.maps) identities.push(`${await maps.identity(key, signal)} ${controls.within}`);
    return identities;
  }

  /** Where each key lies, in its shot's windows; and the name of its entry, which tells all that decides it. */
  async function layOut(keys: readonly number[], cuts: readonly number[]) {
    const identities = new Map<number, readonly string[]>();
    for (const key of keys) identities.set(key, await identityOf(key));
    const entries = new Map<number, string>();
    const shots = shotsOf(keys, linksShots(look) ? cuts : []).map((own) => {
      const windows = windowsOf(own, alike);
      for (const window of windows) {
        const decisive = decisiveFor(window, own, alike).map((key) => [key, identities.get(key)!]);
        for (const key of window) entries.set(key, entryName(key, [window, decisive]));
      }
      return { keys: own, windows };
    });
    return { shots, entries };
  }

  const jobOf = async (key: number, abort: AbortSignal): Promise<Omit<PaintJob, 'noise'>> => {
    const frame = await source.get(key, abort);
    const { width, height } = frame;
    return {
      frame,
      ...(await prompts.at(key, abort)),
      details: details.at(key),
      size: { width, height },
      mask: masks && maskOf(await masks.get(key, abort), 'grey'),
      maps: controls.maps.map((maps) => (size, stop) => maps.mapAt(key, size, stop)),
    };
  };
  const motion = async (key: number, other: number, abort: AbortSignal): Promise<Correspondence> =>
    correspondence(engine, await source.get(key, abort), await source.get(other, abort));

  async function pictures(keys: readonly number[], cuts: readonly number[]): Promise<Pictures> {
    const { width, height } = clip;
    // A key that the artist takes over must not change how the others are painted.
    const count = wanted.kind === 'chosen' ? wanted.keys.length : keys.length;
    const painting = { settings, profile, pictures: count, size: { width, height } };
    const files = await identityOfLook(look, opened);
    const key = diffusionKey(sourceKey(clip.identity, code), look, files, planOf(opened.model, painting), code);
    const folder = await cache.open('look', key);
    const { shots, entries } = await layOut(keys, cuts);
    keysIn({ folder: folderName('look', key), entries });

    const there = new Set(await folder.names());
    const isThere = (n: number): boolean => there.has(entries.get(n)!);
    const picture = async (n: number): Promise<Frame> => readFrame(await folder.read(entries.get(n)!));
    const leads = leadsByCourse(look.consistency);
    const result = async (n: number): Promise<Painted> => ({
      picture: await picture(n),
      course: leads ? readCourse(await folder.read(courseName(entries.get(n)!))) : [],
    });
    const keep = async (n: number, painted: Painted): Promise<void> => {
      // The picture comes last: a key that has it is whole.
      if (leads) await folder.write(courseName(entries.get(n)!), writeCourse(painted.course));
      await folder.write(entries.get(n)!, await writeFrame(painted.picture));
    };
    const identity = (n: number): Promise<string> => Promise.resolve(`look ${JSON.stringify(key)} ${entries.get(n)!}`);
    if (keys.every(isThere)) {
      await stages.cached('look', 'keys', keys.length).run(keys.length, () => Promise.resolve());
      return { frames: keys, identity, get: picture };
    }
    const { model, learned, vae, controls: nets, motion: modules } = opened;
    const painter = await openPainter(model, {
      ...painting,
      runtime,
      learned,
      controls: nets,
      motion: modules,
      ...(vae && { vae }),
    });
    const steps = Math.max(painter.steps, 1);
    const meter = stages.stepped('look', keys.length, steps);
    for (const shot of shots) {
      const brush = openShot(painter, alike, { keys: shot.keys, seeds, job: jobOf, motion, result });
      for (const window of shot.windows) {
        if (window.every(isThere)) meter.found(window.length * steps);
        else {
          await meter.run(window.length * steps, async (report) => {
            const painted = await brush.paint(window, signal, ({ done, total, preview }) => {
              report(done, total);
              showPreview(window[0]!, () => preview(0));
            });
            for (const [i, n] of window.entries()) await keep(n, painted[i]!);
          });
        }
      }
    }
    placed.push(...whereItRan(runtime));
    return { frames: keys, identity, get: picture };
  }

  return {
    get notes() {
      const maps = controls.maps.flatMap(({ notes }) => notes);
      return [...opened.notes, ...prompts.notes, ...details.notes, ...maps, ...placed];
    },
    pictures,
    close: () => controls.close(),
  };
}

const PROVIDERS: Partial<Record<Placement['provider'], string>> = {
  cpu: 'the CPU',
  webgpu: 'the GPU by WebGPU',
  cuda: 'the GPU by CUDA',
  dml: 'the GPU by DirectML',
  coreml: 'Core ML',
};

/** Where the U-Net ran, and what was passed over. */
function whereItRan(runtime: Runtime): string[] {
  const placement = runtime.placements().findLast(({ name }) => name === 'UNet')?.placement;
  if (!placement) return [];
  const others = placement.passedOver.map(({ provider }) => provider);
  const why = others.length === 0 ? '' : `: ${others.join(' and ')} cannot be used here`;
  return [`The network ran on ${PROVIDERS[placement.provider] ?? placement.provider}${why}.`];
}

/** The maps that the look's ControlNets are shown. They are drawn from the whole clip, so that they are the same in every range of it. */
async function openControls(
  { clip, engine, signal }: Work,
  { controls }: DiffusionLook,
  asked: RenderRequest['source'],
  runtime: Runtime,
): Promise<{ readonly maps: readonly ControlMaps[]; readonly within: string; close(): Promise<void> }> {
  if (controls.length === 0) return { maps: [], within: '', close: () => Promise.resolve() };
  // A part that cannot be read is none of this job's business as long as its own range can.
  const whole = await openClip({ ...asked, from: 0, to: null }, signal).catch(() => clip);
  const window = new FrameWindow(whole, MAPS_BYTES);
  try {
    const surroundings = new Surroundings(engine, whole.range, (n, abort) => window.get(n, abort));
    const maps: ControlMaps[] = [];
    for (const { map } of controls) maps.push(await openControlMaps(map, { clip, surroundings, runtime }, signal));
    return { maps, within: `${whole.range.from}-${whole.range.to}`, close: () => window.close() };
  } catch (error) {
    await window.close();
    throw error;
  }
}

/** The keys of each shot. `cuts`: frames that begin a new one, ascending. */
function shotsOf(keys: readonly number[], cuts: readonly number[]): number[][] {
  const ends = [...cuts, Infinity];
  return ends
    .map((end, i) => keys.filter((key) => key < end && key >= (cuts[i - 1] ?? -Infinity)))
    .filter((shot) => shot.length > 0);
}

/** A key's entry: its frame number, and a hash of what decides it within its look's folder. */
function entryName(frame: number, decisive: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(decisive)).digest('hex');
  return resultName(frame).replace(/^\d+/, (digits) => `${digits}-${hash.slice(0, 32)}`);
}
