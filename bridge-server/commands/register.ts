import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Failure } from '../errors.ts';
import { START_SCHEME } from '../protocol/wire.ts';
import { registration, type Registration } from '../registration.ts';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/** Makes the system start the bridge when a panel asks for it, for this user only; `remove` takes that back. */
export async function register({ remove }: { readonly remove: boolean }): Promise<void> {
  const found = registration(
    process.platform,
    { command: [process.execPath, MAIN, 'serve'], env: ownInstall() },
    { home: homedir(), environment: process.env },
  );
  if (!found) throw new Failure('register-unknown', { platform: process.platform });
  await takeBack(found);
  if (!remove) await put(found);
  process.stdout.write(remove ? REMOVED : REGISTERED);
}

const REGISTERED = `Panels can start Pentimento now, and so can every ${START_SCHEME}: address. \`pentimento register --remove\` takes that back.\n`;
const REMOVED = 'Panels can no longer start Pentimento.\n';

/** An install that is not the user's usual one is started as what it is. */
const ownInstall = (): Record<string, string> =>
  process.env.PENTIMENTO_HOME ? { PENTIMENTO_HOME: process.env.PENTIMENTO_HOME } : {};

async function put({ files, commands }: Registration): Promise<void> {
  for (const { path, text, mode } of files) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    await chmod(path, mode);
  }
  for (const [program, ...args] of commands) {
    await run(program!, args).catch((error: unknown) => {
      throw new Failure('register-failed', { program: program! }, error);
    });
  }
}

async function takeBack({ undo, remove, listed }: Registration): Promise<void> {
  for (const [program, ...args] of undo) await run(program!, args).catch(() => undefined);
  for (const path of remove) await rm(path, { recursive: true, force: true });
  const lines = listed && (await readFile(listed.path, 'utf8').catch(() => null))?.split('\n');
  const others = lines?.filter((line) => line.trim() !== listed!.line);
  if (listed && others && others.length < lines!.length) await writeFile(listed.path, others.join('\n'));
}
