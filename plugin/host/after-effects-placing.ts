import {
  isComposition,
  isFootage,
  type AfterEffectsModule,
  type Application,
  type Composition,
  type Footage,
  type Layer,
  type Project,
} from './after-effects-api.ts';
import { copyTransform, findLayer, framesOf, layersOf, secondsOf, SLACK, wholeFrames } from './after-effects-layers.ts';
import { FOLDER, footageIn, importOnce, readMade } from './after-effects-project.ts';
import type { AfterEffectsSpot, Placed, Result, Version } from './host.ts';
import { HostProblem } from './problem.ts';
import { sameRate } from './time.ts';

export function placeResult(
  module: AfterEffectsModule,
  app: Application,
  result: Result,
  spot: AfterEffectsSpot,
): Placed {
  const project = projectOf(app, spot);
  return undoable(app, 'place', () => layAbove(project, importOnce(module, project, result, spot), spot));
}

/** Ids are numbers that another project uses too: what the layer shows must be there as well. */
function projectOf({ project }: Application, spot: AfterEffectsSpot): Project {
  if (!project || (spot.source !== null && !project.itemByID(spot.source))) throw new HostProblem('project-closed');
  return project;
}

function undoable<T>(app: Application, what: string, body: () => T): T {
  app.beginUndoGroup(`${FOLDER}: ${what}`);
  try {
    return body();
  } finally {
    app.endUndoGroup();
  }
}

function layAbove(project: Project, item: Footage, spot: AfterEffectsSpot): Placed {
  const comp = project.itemByID(spot.comp);
  if (!isComposition(comp)) throw new HostProblem('sequence-gone');
  const below = findLayer(comp, spot);
  if (!below) throw new HostProblem('clip-gone');

  const startTime = below.startTime + secondsOf(spot.rate, spot.paintedFrom);
  const [from, to] = wholeFrames(
    comp,
    Math.max(below.inPoint, startTime),
    Math.min(below.outPoint, startTime + secondsOf(spot.rate, spot.paintedTo - spot.paintedFrom)),
  );
  if (to <= from) throw new HostProblem('clip-gone');
  const times = { startTime, inPoint: from * comp.frameDuration, outPoint: to * comp.frameDuration };

  const present = layersOf(comp).find((layer) => layer.source?.id === item.id && lies(comp, layer, times));
  if (present) return { where: present.name, already: true };
  const layer = comp.layers.add(item);
  setTimes(layer, times);
  if (!spot.exported) copyTransform(below, layer);
  layer.moveBefore(project.layerByID(below.id) ?? below);

  const placed = project.layerByID(layer.id);
  if (!placed || !lies(comp, placed, times) || placed.index + 1 !== project.layerByID(below.id)?.index) {
    throw new HostProblem('placed-wrongly');
  }
  return { where: placed.name, already: false };
}

type Times = { readonly startTime: number; readonly inPoint: number; readonly outPoint: number };

/** Where a new layer begins is a preference of the user's. In and out move with the start. */
function setTimes(layer: Layer, { startTime, inPoint, outPoint }: Times): void {
  layer.startTime = startTime;
  layer.inPoint = inPoint;
  layer.outPoint = outPoint;
}

const lies = ({ frameDuration }: Composition, layer: Layer, times: Times): boolean =>
  (['startTime', 'inPoint', 'outPoint'] as const).every(
    (name) => Math.abs(layer[name] - times[name]) < frameDuration * SLACK,
  );

type OwnVersion = Version & { readonly spot: AfterEffectsSpot };

export function listVersions(app: Application, spot: AfterEffectsSpot): (OwnVersion & { where: string | null })[] {
  const project = projectOf(app, spot);
  const comp = project.itemByID(spot.comp);
  const layers = isComposition(comp) ? layersOf(comp) : [];
  return footageIn(project).flatMap((item) => {
    const made = readMade(item);
    if (!made || !sameLayer(made.spot, spot) || item.file === null) return [];
    const layer = layers.find(({ source }) => source?.id === item.id);
    return [{ job: made.job, request: made.request, spot: made.spot, path: item.file, where: layer?.name ?? null }];
  });
}

/** Two parts of the same layer, which may have been moved and trimmed between. */
const sameLayer = (a: AfterEffectsSpot, b: AfterEffectsSpot): boolean =>
  a.comp === b.comp &&
  a.source === b.source &&
  (a.source !== null || a.layer === b.layer) &&
  sameRate(a.rate, b.rate) &&
  a.paintedFrom < b.paintedTo &&
  b.paintedFrom < a.paintedTo;

/** Gives the layer of one version the footage of another: its effects, masks and keys stay, and it shows the same frames. */
export function swapVersion(module: AfterEffectsModule, app: Application, there: OwnVersion, by: OwnVersion): Placed {
  const project = projectOf(app, there.spot);
  const comp = project.itemByID(there.spot.comp);
  if (!isComposition(comp)) throw new HostProblem('sequence-gone');
  const layerOf = (path: string): Layer | undefined => {
    const below = findLayer(comp, there.spot);
    const all = layersOf(comp).filter(({ source }) => isFootage(source) && source.file === path);
    return all.length === 1
      ? all[0]
      : all.find((one) => below && one.inPoint < below.outPoint && one.outPoint > below.inPoint);
  };
  const layer = layerOf(there.path);
  if (!layer) {
    // An earlier call may have come that far.
    const done = layerOf(by.path);
    if (done) return { where: done.name, already: true };
    throw new HostProblem('version-gone');
  }
  if (layer.timeRemapEnabled || Math.abs(layer.stretch - 100) > 1e-6) throw new HostProblem('version-changed');
  if (layer.locked) throw new HostProblem('placing-failed');
  const { id, inPoint, outPoint } = layer;
  const startTime = layer.startTime + secondsOf(by.spot.rate, by.spot.paintedFrom - there.spot.paintedFrom);
  const first = framesOf(by.spot.rate, inPoint - startTime);
  const last = framesOf(by.spot.rate, outPoint - startTime);
  const length = by.spot.paintedTo - by.spot.paintedFrom;
  // Both ends lie on frames of the composition, which may be within a frame of the footage.
  if (!sameLayer(there.spot, by.spot) || first < -1 + SLACK || last > length + 1 - SLACK)
    throw new HostProblem('versions-differ');
  return undoable(app, 'swap', () => {
    const item = importOnce(module, project, by, by.spot);
    layer.replaceSource(item, false);
    if (Math.abs(startTime - layer.startTime) > comp.frameDuration * SLACK) layer.startTime = startTime;
    layer.inPoint = inPoint;
    layer.outPoint = outPoint;
    const swapped = project.layerByID(id);
    if (swapped?.source?.id !== item.id || !lies(comp, swapped, { startTime, inPoint, outPoint })) {
      throw new HostProblem('placed-wrongly');
    }
    return { where: swapped.name, already: false };
  });
}
