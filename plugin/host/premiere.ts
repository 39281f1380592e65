import type { premierepro } from '@adobe/premierepro';
import type { EditorHost } from './host.ts';
import { HostProblem } from './problem.ts';
import { placeResult } from './premiere-placing.ts';
import { readSelection } from './premiere-selection.ts';

export type Pause = (milliseconds: number) => Promise<void>;

/**
 * Premiere Pro 26.3 and later. `api` is what `require('premierepro')` gives there: Adobe's package of that name has types only.
 */
export function premiereHost(api: premierepro, choose: EditorHost['choose'], pause: Pause): EditorHost {
  return {
    kind: 'premiere',
    choose,
    selection: () => readSelection(api),
    place: (result, spot) => {
      if (spot.host !== 'premiere') throw new HostProblem('other-editor');
      return placeResult(api, result, spot, pause);
    },
    watch: (listener) => {
      const { SequenceEvent, ProjectEvent } = api.Constants;
      const names = [SequenceEvent.SELECTION_CHANGED, SequenceEvent.ACTIVATED, ProjectEvent.ACTIVATED];
      for (const name of names) api.EventManager.addGlobalEventListener(name, listener);
      return () => names.forEach((name) => api.EventManager.removeGlobalEventListener(name, listener));
    },
  };
}
