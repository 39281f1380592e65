import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The system's Chromium, or the one that PENTIMENTO_CHROMIUM names; null where there is none. */
export function chromiumPath(env: NodeJS.ProcessEnv = process.env): string | null {
  const folders = (env.PATH ?? '').split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return env.PENTIMENTO_CHROMIUM ?? found.find((path) => existsSync(path)) ?? null;
}
