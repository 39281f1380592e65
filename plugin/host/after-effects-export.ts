import {
  isComposition,
  type Application,
  type Composition,
  type OutputModule,
  type RenderQueueItem,
} from './after-effects-api.ts';
import { findLayer, framesOf, layersOf, visibleFrames } from './after-effects-layers.ts';
import { FOLDER } from './after-effects-project.ts';
import { becomesIdle, exportPath, isMovieEnding, written } from './exporting.ts';
import type { AfterEffectsSpot, Lent, Preparing, Shot } from './host.ts';
import { HostProblem } from './problem.ts';

/**
 * Has After Effects render what a layer shows, as a movie beside the project: of a copy of the composition in which nothing else
 * is visible, so that the user's own is never touched. Whatever else is queued is held back meanwhile.
 */
export async function exportShot(
  app: Application,
  shot: Shot,
  spot: AfterEffectsSpot,
  lent: Lent,
  preparing: Preparing,
): Promise<Shot> {
  const { project } = app;
  const comp = project?.itemByID(spot.comp) ?? null;
  const layer = isComposition(comp) ? findLayer(comp, spot) : null;
  if (!project || !isComposition(comp) || !layer) throw new HostProblem('clip-changed');
  const [start, end] = visibleFrames(comp, layer);
  const from = framesOf(spot.rate, start * comp.frameDuration - layer.startTime);
  if (end - start !== shot.source.to || Math.abs(from - spot.paintedFrom) > 0.5) throw new HostProblem('clip-changed');
  const stem = exportPath(project.file, [comp.name, layer.name]);
  // Refused where the bridge may not look, before anything is done.
  await lent.look(`${stem}.mov`, 0);
  const queue = project.renderQueue;
  if (queue.rendering) throw new HostProblem('queue-busy');

  const queued = Array.from({ length: queue.numItems }, (_, n) => queue.item(n + 1)).filter(({ render }) => render);
  const copy = soloCopy(app, comp, layer.index);
  let item: RenderQueueItem | null = null;
  try {
    for (const other of queued) other.render = false;
    item = queue.items.add(copy);
    item.timeSpanStart = start * comp.frameDuration;
    item.timeSpanDuration = (end - start) * comp.frameDuration;
    const path = outputInto(item.outputModule(1), stem);
    queue.renderAsync();
    await written({ path, lastFrame: end - start - 1, busy: () => queue.rendering }, lent, preparing);
    return { ...shot, source: { ...shot.source, path }, export: null };
  } finally {
    if (queue.rendering) queue.stopRendering();
    // What renders cannot be changed: if it does not stop, its copy is left.
    if (await becomesIdle(() => queue.rendering, lent)) {
      item?.remove();
      for (const other of queued) other.render = true;
      copy.remove();
    }
  }
}

function soloCopy(app: Application, comp: Composition, index: number): Composition {
  app.beginUndoGroup(`${FOLDER}: copy the composition for an export`);
  try {
    const copy = comp.duplicate();
    copy.name = `${FOLDER} export of ${comp.name}`;
    for (const layer of layersOf(copy)) {
      const own = layer.index === index;
      if (layer.solo === own && (!own || layer.enabled)) continue;
      layer.locked = false;
      layer.solo = own;
      if (own) layer.enabled = true;
    }
    return copy;
  } finally {
    app.endUndoGroup();
  }
}

/** Templates come with After Effects, and keep the alpha channel; their names are those of the English version. */
const TEMPLATES = ['High Quality with Alpha', 'Lossless with Alpha'];

/** Where it is going to be written. Without a template that is known, as the user's own default writes. */
function outputInto(output: OutputModule, stem: string): string {
  const template = TEMPLATES.find((name) => output.templates.includes(name));
  if (template !== undefined) output.applyTemplate(template);
  output.file = `${stem}.mov`;
  const path = output.file;
  if (!isMovieEnding(path.replace(/.*\./, ''))) throw new HostProblem('template-unfit');
  return path;
}
