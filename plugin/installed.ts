import { builtInMap, CONTROL_KINDS, type ControlKind } from '../bridge-server/control/kinds.ts';
import type { ControlMap } from '../bridge-server/protocol/control-map.ts';
import type { InstalledModel } from '../bridge-server/protocol/http.ts';
import { nameOf } from './panel/text.ts';
import type { Manner } from './request.ts';

export type Installed = readonly InstalledModel[];
export type Control = Manner['controls'][number];

/** Kinds of maps that need no network to be drawn. */
export const MAP_KINDS: readonly ControlKind[] = CONTROL_KINDS.filter((kind) => builtInMap(kind) !== null);

export const ofKind = (installed: Installed, kind: InstalledModel['kind']): Installed =>
  installed.filter((model) => model.kind === kind);

/** How a model is called where there is little room. */
export const shortName = ({ name }: InstalledModel): string => name.replace(/\.safetensors$/i, '');

/** A model by its path, or by the name of its file where it lies elsewhere on this machine. */
export const findModel = (installed: Installed, path: string): InstalledModel | null =>
  installed.find((model) => model.path === path) ??
  installed.find((model) => nameOf(model.path) === nameOf(path)) ??
  null;

/** What goes with a checkpoint and what does not; a file that does not tell its family is given the chance. */
export function fittingTo(
  checkpoint: InstalledModel | null,
  models: Installed,
): { readonly fits: Installed; readonly others: Installed } {
  const fits = ({ family }: InstalledModel): boolean =>
    checkpoint === null || family === null || checkpoint.family === null || family === checkpoint.family;
  return { fits: models.filter(fits), others: models.filter((model) => !fits(model)) };
}

/** A ControlNet as it is usually used. */
export const controlWith = ({ path, control }: InstalledModel): Control => ({
  ...{ file: path, map: usualMap(control ?? 'softedge'), weight: 1, start: 0, end: 1, guess: false },
});

/** The map of that kind with the usual settings; for the kinds that nothing here can draw, images that are still to be named. */
export const usualMap = (kind: ControlKind): ControlMap => builtInMap(kind) ?? { kind: 'images', folder: '' };

/** Whether everything is said that the map is made from. */
export const isMapSaid = (map: ControlMap): boolean =>
  map.kind === 'images' ? map.folder !== '' : map.kind === 'annotator' ? map.file !== '' : true;
