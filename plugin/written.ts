import type { Connection } from './bridge/connection.ts';
import { Disconnected } from './bridge/problem.ts';
import type { Lent } from './host/host.ts';
import { HostProblem } from './host/problem.ts';

/** What the bridge sees of a movie that an editor is writing: panels may not look at the disk themselves. */
export function lookingThrough(connection: Connection): Lent['look'] {
  return async (path, frame) => {
    if (connection.state.kind !== 'connected') throw new Disconnected({ kind: 'lost' });
    const [, folder = '', name = ''] = /^(.*[\\/])([^\\/]*)$/.exec(path) ?? [];
    const view = await connection.folder(folder);
    if (!view) throw new HostProblem('export-outside');
    const movie = view.entries.find((entry) => entry.kind === 'movie' && entry.name.normalize() === name.normalize());
    if (movie?.kind !== 'movie') return null;
    const source = { path: movie.path, from: 0, to: null, rate: null, alpha: 'straight' } as const;
    const readable = await connection.sourcePicture(source, frame, 16).then(
      () => true,
      () => false,
    );
    return { bytes: movie.bytes, readable };
  };
}
