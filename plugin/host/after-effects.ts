import type { AfterEffectsModule, Application } from './after-effects-api.ts';
import { exportShot } from './after-effects-export.ts';
import { listVersions, placeResult, swapVersion } from './after-effects-placing.ts';
import { readPlayhead, readSelection } from './after-effects-selection.ts';
import type { AfterEffectsSpot, EditorHost, Lent, Spot } from './host.ts';
import { HostProblem } from './problem.ts';

export type { AfterEffectsModule } from './after-effects-api.ts';

function ours(spot: Spot | null): AfterEffectsSpot {
  if (spot?.host !== 'after-effects') throw new HostProblem('other-editor');
  return spot;
}

/** After Effects 27 and later. `module` is what `require('aftereffects')` gives there; all of it answers at once. */
export function afterEffectsHost(module: AfterEffectsModule, lent: Lent): EditorHost {
  const app = module.app ?? (module as Application);
  return {
    kind: 'after-effects',
    choose: lent.choose,
    // Output module templates are the editor's own.
    preset: null,
    // No events are documented: the panel reads whenever it is looked at.
    watch: () => () => undefined,
    selection: (how) => attempt(() => readSelection(app, how?.withEffects ?? false)),
    playhead: (shot) => attempt(() => (shot.spot === null ? null : readPlayhead(app, shot, ours(shot.spot)))),
    prepare: async (shot, preparing) =>
      shot.export === null ? shot : exportShot(app, shot, ours(shot.spot), lent, preparing),
    place: (result, spot) => attempt(() => placeResult(module, app, result, ours(spot))),
    versions: (spot) => attempt(() => listVersions(app, ours(spot))),
    swap: (there, by) =>
      attempt(() => swapVersion(module, app, { ...there, spot: ours(there.spot) }, { ...by, spot: ours(by.spot) })),
  };
}

/** Throws as promises do. */
const attempt = async <T>(body: () => T): Promise<T> => Promise.resolve().then(body);
