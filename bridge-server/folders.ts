import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where an install keeps what: absolute paths, not yet made. */
export type Folders = {
  /** The pairing token and the folders that the user allowed; nobody else may read it. */
  readonly config: string;
  /** The store of jobs. */
  readonly data: string;
  /** What may be deleted at any time and is then computed again. */
  readonly cache: string;
};

/**
 * The platform's own places (XDG base directories, ~/Library, %APPDATA%). With PENTIMENTO_HOME set, everything lies below that
 * folder: an install of its own.
 */
export function folders(env: NodeJS.ProcessEnv = process.env, platform = process.platform, home = homedir()): Folders {
  if (env.PENTIMENTO_HOME) return below(env.PENTIMENTO_HOME, env.PENTIMENTO_HOME);
  if (platform === 'darwin') {
    return below(
      join(home, 'Library', 'Application Support', 'Pentimento'),
      join(home, 'Library', 'Caches', 'Pentimento'),
    );
  }
  if (platform === 'win32') {
    return below(
      join(env.APPDATA ?? join(home, 'AppData', 'Roaming'), 'Pentimento'),
      join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'Pentimento'),
    );
  }
  return {
    config: join(env.XDG_CONFIG_HOME || join(home, '.config'), 'pentimento'),
    data: join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'pentimento'),
    cache: join(env.XDG_CACHE_HOME || join(home, '.cache'), 'pentimento'),
  };
}

function below(kept: string, disposable: string): Folders {
  return { config: join(kept, 'config'), data: join(kept, 'data'), cache: join(disposable, 'cache') };
}
