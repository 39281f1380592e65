import type { premierepro } from '@adobe/premierepro';
import type { EditorHost, Lent, PremiereSpot, Spot } from './host.ts';
import { exportPreset, exportShot } from './premiere-export.ts';
import { listVersions, swapVersion } from './premiere-versions.ts';
import { HostProblem } from './problem.ts';
import { placeResult } from './premiere-placing.ts';
import { readPlayhead, readSelection } from './premiere-selection.ts';

function ours(spot: Spot): PremiereSpot {
  if (spot.host !== 'premiere') throw new HostProblem('other-editor');
  return spot;
}

/**
 * Premiere Pro 26.3 and later. `api` is what `require('premierepro')` gives there: Adobe's package of that name has types only.
 */
export function premiereHost(api: premierepro, lent: Lent): EditorHost {
  return {
    kind: 'premiere',
    choose: lent.choose,
    preset: exportPreset(lent),
    selection: (how) => readSelection(api, how?.withEffects ?? false),
    playhead: (shot) => readPlayhead(api, shot),
    prepare: (shot, preparing) =>
      shot.export === null ? Promise.resolve(shot) : exportShot(api, shot, lent, preparing),
    place: async (result, spot) => placeResult(api, result, ours(spot), lent.pause),
    versions: async (spot) => listVersions(api, ours(spot)),
    swap: async (there, by) =>
      swapVersion(api, { ...there, spot: ours(there.spot) }, { ...by, spot: ours(by.spot) }, lent),
    watch: (listener) => {
      const { SequenceEvent, ProjectEvent } = api.Constants;
      const names = [SequenceEvent.SELECTION_CHANGED, SequenceEvent.ACTIVATED, ProjectEvent.ACTIVATED];
      for (const name of names) api.EventManager.addGlobalEventListener(name, listener);
      return () => names.forEach((name) => api.EventManager.removeGlobalEventListener(name, listener));
    },
  };
}
