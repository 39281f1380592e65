import type {
  Action,
  ClipProjectItem,
  premierepro,
  Project,
  ProjectItem,
  Properties,
  Sequence,
  TickTime,
} from '@adobe/premierepro';
import type { Lent, Made, PremiereSpot, Result } from './host.ts';
import { HostProblem } from './problem.ts';
import { rateOfNumber, sameRate, TICKS_PER_SECOND } from './time.ts';

type Pause = Lent['pause'];

export const BIN = 'Pentimento';
const MADE = 'pentimento.made';

/** Throws HostProblem when the project is not open. */
export function projectOf(api: premierepro, spot: PremiereSpot): Project {
  const project = api.Project.getProject(api.Guid.fromString(spot.project)) as Project | null;
  if (!project) throw new HostProblem('project-closed');
  return project;
}

/** Null when it is gone. */
export function sequenceOf(api: premierepro, spot: PremiereSpot): Sequence | null {
  return projectOf(api, spot).getSequence(api.Guid.fromString(spot.sequence));
}

/**
 * One entry in the list of undo steps. The factories run inside the lock and inside the transaction, as Premiere demands: they
 * capture the project as it is there, must not wait for anything, and do not see one another's effects. What comes back is
 * whether Premiere claims to have done it, which is no proof.
 */
export function transact(project: Project, label: string, actions: () => readonly Action[]): boolean {
  let claimed = false;
  project.lockedAccess(() => {
    claimed = project.executeTransaction((compound) => {
      for (const action of actions()) compound.addAction(action);
    }, label);
  });
  return claimed;
}

/** The item that shows that file in our bin; imported when it is not there. `importFiles` returns no items, and may lie. */
export async function importOnce(api: premierepro, project: Project, path: string, pause: Pause): Promise<OwnItem> {
  const bin = await ourBin(api, project, pause);
  const present = await ownItem(api, project, path);
  if (present) return present;
  await project.importFiles([path], true, bin, false);
  for (let tries = 0; tries < 40; tries++) {
    const found = await ownItem(api, project, path);
    if (found) return found;
    await pause(250);
  }
  throw new HostProblem('import-failed');
}

export type OwnItem = { readonly item: ProjectItem; readonly clip: ClipProjectItem };

/** What our bin holds, as it lists them; nothing when there is no such bin. */
export async function ownItems(api: premierepro, project: Project): Promise<OwnItem[]> {
  const bin = await findBin(api, project);
  const items = bin ? await api.FolderItem.cast(bin).getItems() : [];
  return items.flatMap((item) => {
    const clip = api.ClipProjectItem.cast(item) as ClipProjectItem | null;
    return clip ? [{ item, clip }] : [];
  });
}

export async function ownItem(api: premierepro, project: Project, path: string): Promise<OwnItem | null> {
  for (const own of await ownItems(api, project)) if (samePath(await own.clip.getMediaFilePath(), path)) return own;
  return null;
}

async function findBin(api: premierepro, project: Project): Promise<ProjectItem | null> {
  const items = await (await project.getRootItem()).getItems();
  return items.find(({ type, name }) => type === api.ProjectItem.TYPE_BIN && name === BIN) ?? null;
}

async function ourBin(api: premierepro, project: Project, pause: Pause): Promise<ProjectItem> {
  const present = await findBin(api, project);
  if (present) return present;
  const root = await project.getRootItem();
  transact(project, `${BIN}: make bin`, () => [root.createBinAction(BIN, false)]);
  for (let tries = 0; tries < 20; tries++) {
    const made = await findBin(api, project);
    if (made) return made;
    await pause(100);
  }
  throw new HostProblem('bin-failed');
}

/** Gives a result the rate and the pixels that the user gave its clip, where its file says otherwise. */
export async function conform(project: Project, clip: ClipProjectItem, spot: PremiereSpot): Promise<void> {
  const interpretation = await clip.getFootageInterpretation();
  const sameRates = sameRate(rateOfNumber(interpretation.getFrameRate()), spot.rate);
  const pixelAspect = spot.pixelAspect ?? interpretation.getPixelAspectRatio();
  const samePixels = Math.abs(interpretation.getPixelAspectRatio() - pixelAspect) < 1e-3;
  if (sameRates && samePixels) return;
  if (!sameRates) interpretation.setFrameRate(spot.rate.num / spot.rate.den);
  if (!samePixels) interpretation.setPixelAspectRatio(pixelAspect);
  transact(project, `${BIN}: interpret`, () => [clip.createSetFootageInterpretationAction(interpretation)]);
}

type Trim = {
  readonly project: Project;
  readonly clip: ClipProjectItem;
  readonly spot: PremiereSpot;
  /** In the result's own time. */
  readonly from: bigint;
  readonly to: bigint;
};

/**
 * Does something while a result's in and out points are these: they are the length that is placed when the placing action is made,
 * hence steps of their own. They are left clear, and need no step when the whole is wanted and nobody, nor a panel that was closed
 * in the middle, has set them.
 */
export async function whileTrimmed<T>(api: premierepro, trim: Trim, body: () => Promise<T>): Promise<T> {
  const { project, clip, spot, from, to } = trim;
  const length = BigInt(spot.paintedTo) - BigInt(spot.paintedFrom);
  const { VIDEO } = api.Constants.MediaType;
  const present = { from: await clip.getInPoint(VIDEO), to: await clip.getOutPoint(VIDEO) };
  const isSet = !near(present.from, from) || !near(present.to, to);
  const [inPoint, outPoint] = [from, to].map((ticks) => api.TickTime.createWithTicks(String(ticks)));
  if (isSet) transact(project, `${BIN}: trim`, () => [clip.createSetInOutPointsAction(inPoint!, outPoint!)]);
  try {
    return await body();
  } finally {
    const whole = from === 0n && to === length;
    if (isSet || !whole) transact(project, `${BIN}: trim`, () => [clip.createClearInOutPointsAction()]);
  }
}

/** Clears the in and out points that a panel may have left which was closed in the middle. */
export async function untrim(api: premierepro, { project, clip, spot }: Omit<Trim, 'from' | 'to'>): Promise<void> {
  const to = BigInt(spot.paintedTo) - BigInt(spot.paintedFrom);
  await whileTrimmed(api, { project, clip, spot, from: 0n, to }, () => Promise.resolve());
}

/** Within a ten-thousandth of a second: editors round. */
function near({ ticks }: TickTime, goal: bigint): boolean {
  const difference = BigInt(ticks) - goal;
  return (difference < 0n ? -difference : difference) < TICKS_PER_SECOND / 10000n;
}

/** Editors hand paths back with their own slashes, case (Windows) and composition of accents (macOS). */
function samePath(a: string, b: string): boolean {
  const plain = (path: string): string => {
    const slashes = path.normalize('NFC').replaceAll('\\', '/');
    return /^([a-z]:|\/\/)/i.test(slashes) ? slashes.toLowerCase() : slashes;
  };
  return plain(a) === plain(b);
}

/** Adobe's types know properties of projects and sequences only; clips have them too (docs/host-checklist.md). */
async function propertiesOf(api: premierepro, clip: ClipProjectItem): Promise<Properties | null> {
  try {
    return (await api.Properties.getProperties(clip as unknown as Project)) ?? null;
  } catch {
    return null;
  }
}

/** What made this clip, when it is one of our results. */
export async function readMade(api: premierepro, clip: ClipProjectItem): Promise<Made | null> {
  const properties = await propertiesOf(api, clip);
  if (!properties?.hasValue(MADE)) return null;
  try {
    return JSON.parse(properties.getValue(MADE)) as Made;
  } catch {
    return null;
  }
}

/** What to put into a transaction so that `readMade` finds it; nothing when it is there, or where the host keeps none. */
export async function remembering(
  api: premierepro,
  clip: ClipProjectItem,
  { job, request }: Result,
  spot: Made['spot'],
): Promise<() => readonly Action[]> {
  const properties = await propertiesOf(api, clip);
  const made: Made = { job, request, spot };
  return () =>
    properties && !properties.hasValue(MADE)
      ? [properties.createSetValueAction(MADE, JSON.stringify(made), api.Constants.PropertyType.PERSISTENT)]
      : [];
}
