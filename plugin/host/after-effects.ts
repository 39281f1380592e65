import {
  isComposition,
  isFolder,
  isFootage,
  type AfterEffectsModule,
  type Application,
  type Composition,
  type Folder,
  type Footage,
  type Layer,
  type Project,
} from './after-effects-api.ts';
import type {
  AfterEffectsSpot,
  EditorHost,
  Lent,
  Made,
  Notice,
  Placed,
  Result,
  SelectedClip,
  Selection,
  Shot,
} from './host.ts';
import { isImage, numberedImage } from './images.ts';
import { HostProblem } from './problem.ts';
import { rateOfNumber, sameRate, type Rational } from './time.ts';

export type { AfterEffectsModule } from './after-effects-api.ts';

const FOLDER = 'Pentimento';
const MADE = 'pentimento:';

/** After Effects 27 and later. `module` is what `require('aftereffects')` gives there. */
export function afterEffectsHost(module: AfterEffectsModule, lent: Lent): EditorHost {
  const app = module.app ?? (module as Application);
  return {
    kind: 'after-effects',
    choose: lent.choose,
    preset: null,
    // No events are documented: the panel reads whenever it is looked at.
    watch: () => () => undefined,
    selection: () => attempt(() => readSelection(app)),
    playhead: () => Promise.resolve(null),
    prepare: (shot) => Promise.resolve(shot),
    versions: () => Promise.resolve([]),
    swap: () => Promise.reject(new HostProblem('other-editor')),
    place: (result, spot) =>
      attempt(() => {
        if (spot.host !== 'after-effects') throw new HostProblem('other-editor');
        return placeResult(module, app, result, spot);
      }),
  };
}

/** Throws as promises do. */
const attempt = async <T>(body: () => T): Promise<T> => Promise.resolve().then(body);

function readSelection(app: Application): Selection {
  const comp = app.project?.activeItem ?? null;
  if (!isComposition(comp)) return { timeline: null, clips: [] };
  const { name, width, height } = comp;
  const rate = rateOfNumber(comp.frameRate);
  return {
    timeline: { name, rate, width, height, pixelAspect: comp.pixelAspect },
    clips: comp.selectedLayers.map((layer): SelectedClip => {
      try {
        return { usable: true, name: layer.name, shot: readShot(comp, layer, rate) };
      } catch (error) {
        if (!(error instanceof HostProblem)) throw error;
        return { usable: false, name: layer.name, reason: error };
      }
    }),
  };
}

function readShot(comp: Composition, layer: Layer, compRate: Rational): Shot {
  const footage = footageOf(layer);
  const made = readMade(footage);
  if (made) {
    const { path, from, to } = made.request.source;
    return {
      source: { path, from, to },
      rate: made.spot.rate,
      notices: [],
      markers: [],
      export: null,
      spot: made.spot,
      made,
    };
  }
  refuseRetimed(layer);
  const { folder, first } = numberedImage(footage.file!) ?? { folder: footage.file!, first: 0 };
  const rate = rateOf(footage);
  const shown = shownFrames(comp, layer, footage, rate);
  const notices: Notice[] = [];
  if (!sameRate(rate, compRate)) notices.push({ code: 'rate-differs', rate });
  if (!layer.enabled) notices.push({ code: 'disabled' });
  return {
    source: { path: folder, from: first + shown.from, to: first + shown.to },
    rate,
    notices,
    markers: [],
    export: null,
    spot: {
      ...{ host: 'after-effects', comp: comp.id, layer: layer.id, source: footage.id, rate },
      ...{ exported: false, stretch: layer.stretch, remapped: layer.timeRemapEnabled },
      ...{ paintedFrom: shown.from, paintedTo: shown.to },
    },
    made: null,
  };
}

/** The footage of a layer that shows moving pictures from a file. */
function footageOf({ adjustmentLayer, source, hasVideo }: Layer): Footage {
  if (adjustmentLayer) throw new HostProblem('adjustment-layer');
  if (isComposition(source)) throw new HostProblem('no-picture');
  if (!isFootage(source) || !hasVideo) throw new HostProblem('no-picture');
  if (source.footageMissing) throw new HostProblem('offline');
  if (source.file === null) throw new HostProblem('no-picture');
  if (source.mainSource.isStill || (isImage(source.file) && !numberedImage(source.file)))
    throw new HostProblem('no-picture');
  return source;
}

function refuseRetimed({ timeRemapEnabled, stretch }: Layer): void {
  if (timeRemapEnabled || Math.abs(stretch - 100) > 1e-6) throw new HostProblem('no-picture');
}

/** At which the footage plays in this project: as interpreted, else its own. */
function rateOf({ mainSource }: Footage): Rational {
  return rateOfNumber(mainSource.conformFrameRate || mainSource.displayFrameRate || mainSource.nativeFrameRate);
}

/** Seconds are floating point: what is nearer than this to a whole frame is that frame. */
const SLACK = 0.01;

/** Every frame of the footage that the layer shows within its composition. */
function shownFrames(comp: Composition, layer: Layer, footage: Footage, { num, den }: Rational) {
  const [start, end] = wholeFrames(comp, Math.max(0, layer.inPoint), Math.min(comp.duration, layer.outPoint));
  const frames = (seconds: number): number => ((seconds - layer.startTime) * num) / den;
  const count = Math.round((footage.duration * num) / den);
  const from = Math.max(0, Math.floor(frames(start * comp.frameDuration) + SLACK));
  const to = Math.min(count, Math.ceil(frames(end * comp.frameDuration) - SLACK));
  if (to <= from) throw new HostProblem('no-picture');
  return { from, to };
}

/** Composition frames, half-open. */
const wholeFrames = ({ frameDuration }: Composition, from: number, to: number): [number, number] => [
  Math.round(from / frameDuration),
  Math.round(to / frameDuration),
];

function placeResult(module: AfterEffectsModule, app: Application, result: Result, spot: AfterEffectsSpot): Placed {
  const { project } = app;
  const source = spot.source === null ? null : (project?.itemByID(spot.source) ?? null);
  if (!project || !isFootage(source)) throw new HostProblem('project-closed');
  app.beginUndoGroup(`${FOLDER}: place`);
  try {
    const item = importOnce(module, project, result, spot);
    return layAbove(project, item, spot);
  } finally {
    app.endUndoGroup();
  }
}

function layAbove(project: Project, item: Footage, spot: AfterEffectsSpot): Placed {
  const comp = project.itemByID(spot.comp);
  if (!isComposition(comp)) throw new HostProblem('sequence-gone');
  const below = findBelow(project, comp, spot);
  if (!below) throw new HostProblem('clip-gone');

  const seconds = ({ num, den }: Rational, frame: number): number => (frame * den) / num;
  const startTime = below.startTime + seconds(spot.rate, spot.paintedFrom);
  const [from, to] = wholeFrames(
    comp,
    Math.max(below.inPoint, startTime),
    Math.min(below.outPoint, startTime + seconds(spot.rate, spot.paintedTo - spot.paintedFrom)),
  );
  if (to <= from) throw new HostProblem('clip-gone');
  const [inPoint, outPoint] = [from * comp.frameDuration, to * comp.frameDuration];
  const lies = (layer: Layer): boolean =>
    [layer.startTime - startTime, layer.inPoint - inPoint, layer.outPoint - outPoint].every(
      (difference) => Math.abs(difference) < comp.frameDuration * SLACK,
    );

  const present = layersOf(comp).find((layer) => layer.source?.id === item.id && lies(layer));
  if (present) return { where: present.name, already: true };
  const layer = comp.layers.add(item);
  // Where a new layer begins is a preference of the user's. In and out move with the start.
  layer.startTime = startTime;
  layer.inPoint = inPoint;
  layer.outPoint = outPoint;
  layer.moveBefore(project.layerByID(below.id) ?? below);

  const placed = project.layerByID(layer.id);
  if (!placed || !lies(placed) || placed.index + 1 !== project.layerByID(below.id)?.index) {
    throw new HostProblem('placed-wrongly');
  }
  return { where: placed.name, already: false };
}

/** The layer that was selected: by its id, else, where it was cut and made anew, by what it shows. */
function findBelow(project: Project, comp: Composition, spot: AfterEffectsSpot): Layer | null {
  const fits = (layer: Layer | null): layer is Layer =>
    layer?.source?.id === spot.source && !layer.timeRemapEnabled && Math.abs(layer.stretch - 100) < 1e-6;
  const same = project.layerByID(spot.layer);
  const inComp = layersOf(comp);
  if (fits(same) && inComp.some(({ id }) => id === same.id)) return same;
  return inComp.find(fits) ?? null;
}

const layersOf = (comp: Composition): Layer[] => Array.from({ length: comp.numLayers }, (_, n) => comp.layer(n + 1));

function importOnce(module: AfterEffectsModule, project: Project, result: Result, spot: AfterEffectsSpot): Footage {
  const items = Array.from({ length: project.numItems }, (_, n) => project.item(n + 1));
  const present = items.filter(isFootage).find(({ file }) => file === result.path);
  if (present) return present;
  const folder: Folder = items.filter(isFolder).find(({ name }) => name === FOLDER) ?? project.items.addFolder(FOLDER);
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

function readMade({ comment }: Footage): Made | null {
  if (!comment.startsWith(MADE)) return null;
  try {
    return JSON.parse(comment.slice(MADE.length)) as Made;
  } catch {
    return null;
  }
}
