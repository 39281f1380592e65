import type { Action, premierepro, Project, Sequence, TickTime } from '@adobe/premierepro';
import type { Lent, PremiereSpot, Preparing, Preset, Shot } from './host.ts';
import { clipAt, findClip, readLying, shownAt, trackName, type Lying } from './premiere-clips.ts';
import { becomesIdle, exportPath, isMovieEnding, written } from './exporting.ts';
import { BIN, projectOf, sequenceOf, transact } from './premiere-project.ts';
import { HostProblem } from './problem.ts';

const PRESET = 'pentimento.preset';

/** Premiere exports with preset files only: the user's own, chosen once. */
export function exportPreset({ choose, memory }: Lent): Preset {
  return {
    current: () => memory.getItem(PRESET) || null,
    choose: async () => {
      const path = await choose.file(['epr']);
      if (path !== null) memory.setItem(PRESET, path);
      return path;
    },
  };
}

/**
 * Has Premiere write what the clip of a shot shows, as a movie beside the project. It exports sequences, not clips: so it exports
 * the clip's range of a copy of the sequence in which nothing else is visible, and the user's own sequence is never touched.
 */
export async function exportShot(api: premierepro, shot: Shot, lent: Lent, preparing: Preparing): Promise<Shot> {
  const { spot, source } = shot;
  if (spot?.host !== 'premiere') throw new HostProblem('other-editor');
  const project = projectOf(api, spot);
  const sequence = sequenceOf(api, spot);
  if (!sequence) throw new HostProblem('clip-changed');
  const clip = findClip(spot, await readLying(api, sequence));
  if (!clip || !showsExactly(spot, clip)) throw new HostProblem('clip-changed');
  const stem = exportPath(project.path, [sequence.name, trackName(clip.track), String(clip.start)]);
  const preset = await presetFor(api, sequence, lent);
  const path = `${stem}.${preset.ending}`;
  // Refused where the bridge may not look, before anything is done.
  await lent.look(path, 0);

  const copy = await copySequence(api, project, sequence, lent);
  let busy = (): boolean => false;
  try {
    await showOnly(api, project, copy, clip);
    busy = startExport(api, copy, path, preset.path);
    await written({ path, lastFrame: source.to! - 1, busy }, lent, preparing);
    // A finished movie needs the copy no more, whatever Premiere has yet to say.
    busy = () => false;
  } finally {
    // What is still being exported is rather left than taken away: Premiere has no way to stop it.
    if (await becomesIdle(busy, lent)) await removeCopy(project, sequence, copy);
  }
  return { ...shot, source: { ...source, path }, export: null };
}

async function removeCopy(project: Project, sequence: Sequence, copy: Sequence): Promise<void> {
  const active = (await project.getActiveSequence()) as Sequence | null;
  const shown = active === null || active.guid.toString() === copy.guid.toString();
  await project.deleteSequence(copy).catch(() => false);
  // Where Premiere opens a copy, the user's own comes back.
  if (shown) await project.setActiveSequence(sequence).catch(() => false);
}

const showsExactly = (spot: PremiereSpot, clip: Lying): boolean =>
  shownAt(spot, clip, clip.start) === BigInt(spot.paintedFrom) &&
  shownAt(spot, clip, clip.end) === BigInt(spot.paintedTo);

/** The remembered one if Premiere can still use it, else one that the user chooses now. */
async function presetFor(api: premierepro, sequence: Sequence, lent: Lent): Promise<{ path: string; ending: string }> {
  const preset = exportPreset(lent);
  const endingOf = async (path: string): Promise<string | null> => {
    const told = await api.EncoderManager.getExportFileExtension(sequence, path).catch(() => '');
    const ending = told.replace(/^\./, '');
    return isMovieEnding(ending) ? ending : null;
  };
  const present = preset.current();
  const ending = present && (await endingOf(present));
  if (present && ending) return { path: present, ending };
  const path = await preset.choose();
  if (path === null) throw new HostProblem('no-preset');
  const chosen = await endingOf(path);
  if (chosen === null) throw new HostProblem('preset-unfit');
  return { path, ending: chosen };
}

async function copySequence(
  api: premierepro,
  project: Project,
  sequence: Sequence,
  { pause }: Lent,
): Promise<Sequence> {
  const guids = async (): Promise<string[]> => (await project.getSequences()).map(({ guid }) => guid.toString());
  const before = await guids();
  transact(project, `${BIN}: copy the sequence for an export`, () => [sequence.createCloneAction()]);
  for (let tries = 0; tries < 40; tries++) {
    const added = (await guids()).filter((guid) => !before.includes(guid));
    // Two: one of them is somebody else's, and which one cannot be told.
    if (added.length > 1) break;
    if (added[0] !== undefined) return project.getSequence(api.Guid.fromString(added[0]));
    await pause(100);
  }
  throw new HostProblem('export-failed');
}

/** Hides every track but the clip's own, and marks its range: that is what is exported. */
async function showOnly(api: premierepro, project: Project, copy: Sequence, clip: Lying): Promise<void> {
  for (let n = 0; n < (await copy.getVideoTrackCount()); n++) {
    const track = await copy.getVideoTrack(n);
    if ((await track.isMuted()) === (n !== clip.track)) continue;
    await track.setMute(n !== clip.track);
    if ((await track.isMuted()) !== (n !== clip.track)) throw new HostProblem('export-failed');
  }
  const copied = await clipAt(api, copy, clip);
  if (!copied) throw new HostProblem('export-failed');
  const disabled = await copied.isDisabled();
  const item = await copy.getProjectItem();
  const [from, to] = [clip.start, clip.end].map((ticks) => api.TickTime.createWithTicks(String(ticks)));
  transact(project, `${BIN}: mark what is exported`, (): Action[] => [
    item.createSetNameAction(`${BIN} export of ${copy.name}`),
    copy.createSetInPointAction(from!),
    copy.createSetOutPointAction(to!),
    ...(disabled ? [copied.createSetDisabledAction(false)] : []),
  ]);
  const same = ({ ticks }: TickTime, goal: bigint): boolean => BigInt(ticks) === goal;
  if (!same(await copy.getInPoint(), clip.start) || !same(await copy.getOutPoint(), clip.end)) {
    throw new HostProblem('export-failed');
  }
}

/** Returns whether Premiere has yet to answer: if it does so at the beginning or at the end is not documented. */
function startExport(api: premierepro, copy: Sequence, path: string, preset: string): () => boolean {
  let busy = true;
  // `false`: from the in point to the out point, not the whole sequence.
  void api.EncoderManager.getManager()
    .exportSequence(copy, api.Constants.ExportType.IMMEDIATELY, path, preset, false)
    .catch(() => false)
    .then(() => {
      busy = false;
    });
  return () => busy;
}
