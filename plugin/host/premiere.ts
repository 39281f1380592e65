import type { premierepro } from '@adobe/premierepro';
import type { EditorHost, Lent } from './host.ts';
import { HostProblem } from './problem.ts';
import { placeResult } from './premiere-placing.ts';
import { readPlayhead, readSelection } from './premiere-selection.ts';

/**
 * Premiere Pro 26.3 and later. `api` is what `require('premierepro')` gives there: Adobe's package of that name has types only.
 */
export function premiereHost(api: premierepro, lent: Lent): EditorHost {
  return {
    kind: 'premiere',
    choose: lent.choose,
    preset: null,
    selection: (how) => readSelection(api, how?.withEffects ?? false),
    playhead: (shot) => readPlayhead(api, shot),
    prepare: (shot) => Promise.resolve(shot),
    place: (result, spot) => {
      if (spot.host !== 'premiere') throw new HostProblem('other-editor');
      return placeResult(api, result, spot, lent.pause);
    },
    versions: () => Promise.resolve([]),
    swap: () => Promise.reject(new HostProblem('other-editor')),
    watch: (listener) => {
      const { SequenceEvent, ProjectEvent } = api.Constants;
      const names = [SequenceEvent.SELECTION_CHANGED, SequenceEvent.ACTIVATED, ProjectEvent.ACTIVATED];
      for (const name of names) api.EventManager.addGlobalEventListener(name, listener);
      return () => names.forEach((name) => api.EventManager.removeGlobalEventListener(name, listener));
    },
  };
}
