import type { FilesHost, Selection } from './host.ts';
import { HostProblem } from './problem.ts';

/** No editor: movies and folders, all of their frames, and each result lies beside its source. */
export function filesHost(): FilesHost {
  const listeners = new Set<() => void>();
  let selection: Selection = { timeline: null, clips: [] };
  return {
    kind: 'files',
    choose: null,
    preset: null,
    open: (paths) => {
      selection = { timeline: null, clips: paths.map(clipOf) };
      for (const listener of listeners) listener();
    },
    selection: () => Promise.resolve(selection),
    playhead: () => Promise.resolve(null),
    prepare: (shot) => Promise.resolve(shot),
    versions: () => Promise.resolve([]),
    swap: () => Promise.reject(new HostProblem('other-editor')),
    place: () => Promise.reject(new HostProblem('other-editor')),
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function clipOf(path: string): Selection['clips'][number] {
  const name = path.replace(/[\\/]+$/, '').replace(/.*[\\/]/, '');
  const source = { path, from: 0, to: null };
  const shot = { source, rate: null, notices: [], markers: [], export: null, spot: null, made: null };
  return { usable: true, name, shot };
}
