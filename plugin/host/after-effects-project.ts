import {
  isFolder,
  isFootage,
  type AfterEffectsModule,
  type Folder,
  type Footage,
  type Project,
} from './after-effects-api.ts';
import type { AfterEffectsSpot, Made, Result } from './host.ts';
import { HostProblem } from './problem.ts';
import { rateOfNumber, sameRate, type Rational } from './time.ts';

export const FOLDER = 'Pentimento';
const MADE = 'pentimento:';

/** At which the footage plays in this project: as interpreted, else its own. */
export function rateOf({ mainSource }: Footage): Rational {
  return rateOfNumber(mainSource.conformFrameRate || mainSource.displayFrameRate || mainSource.nativeFrameRate);
}

export const footageIn = (project: Project): Footage[] => itemsOf(project).filter(isFootage);

const itemsOf = (project: Project) => Array.from({ length: project.numItems }, (_, n) => project.item(n + 1));

export function importOnce(
  module: AfterEffectsModule,
  project: Project,
  result: Result,
  spot: AfterEffectsSpot,
): Footage {
  const present = footageIn(project).find(({ file }) => file === result.path);
  if (present) return present;
  const folder: Folder =
    itemsOf(project)
      .filter(isFolder)
      .find(({ name }) => name === FOLDER) ?? project.items.addFolder(FOLDER);
  const Options = importOptionsOf(module);
  let item: Footage;
  try {
    item = project.importFile(new Options(result.path));
  } catch {
    throw new HostProblem('import-failed');
  }
  if (!isFootage(item)) throw new HostProblem('import-failed');
  item.parentFolder = folder;
  // The movie has the rate of the file; the project may have given the footage another.
  const { num, den } = spot.rate;
  if (!sameRate(rateOf(item), spot.rate)) item.mainSource.conformFrameRate = num / den;
  const made: Made = { job: result.job, request: result.request, spot };
  item.comment = MADE + JSON.stringify(made);
  return item;
}

type ImportOptionsClass = NonNullable<AfterEffectsModule['ImportOptions']>;

/** Beside the application in some builds, within it in others, global in others again. */
function importOptionsOf(module: AfterEffectsModule): ImportOptionsClass {
  const places: readonly Pick<AfterEffectsModule, 'ImportOptions'>[] = [
    module,
    module.app ?? {},
    globalThis as object,
  ].map((place) => place as Pick<AfterEffectsModule, 'ImportOptions'>);
  const Options = places.map((place) => place.ImportOptions).find((one) => one !== undefined);
  if (!Options) throw new HostProblem('import-failed');
  return Options;
}

/** What made this footage, when it is one of our results. */
export function readMade({ comment }: Footage): (Made & { readonly spot: AfterEffectsSpot }) | null {
  if (!comment.startsWith(MADE)) return null;
  try {
    const made = JSON.parse(comment.slice(MADE.length)) as Made;
    return made.spot.host === 'after-effects' ? { ...made, spot: made.spot } : null;
  } catch {
    return null;
  }
}
