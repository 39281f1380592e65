import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { RenderResult } from '../../bridge-server/jobs/job.ts';
import type { Progress } from '../../bridge-server/progress.ts';
import { newFolder } from '../jobs/folder.ts';

const MAIN = fileURLToPath(new URL('../../bridge-server/main.ts', import.meta.url));

/** An install of its own, and a folder to work in. */
export type Install = { readonly home: string; readonly desk: string; readonly env?: Record<string, string> };

/** Gone after the test, unless it lies in a folder that is given. */
export async function newInstall(base?: string): Promise<Install> {
  base ??= await newFolder();
  const desk = join(base, 'desk');
  await mkdir(desk);
  return { home: join(base, 'home'), desk };
}

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type Running = {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  /** Resolves when it has said that; rejects when it ended without. */
  readonly said: (what: (progress: Progress) => boolean) => Promise<void>;
};

/** Starts the command line as a user of the install would, in the desk. */
export function start({ home, desk, env }: Install, ...args: string[]): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: desk,
    env: { ...process.env, PENTIMENTO_HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  const listeners = new Set<() => void>();
  child.stdout.on('data', (part) => (stdout += String(part)));
  child.stderr.on('data', (part) => {
    stderr += String(part);
    listeners.forEach((listener) => listener());
  });
  const ended = once(child, 'close').then(([code]) => {
    listeners.forEach((listener) => listener());
    return { code: code as number | null, stdout, stderr };
  });
  const said = (what: (progress: Progress) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (progressIn(stderr).some(what)) resolve();
        else if (child.exitCode !== null || child.signalCode !== null) reject(new Error(`it ended: ${stderr}`));
      };
      listeners.add(look);
      look();
    });
  return { child, ended, said };
}

export const run = (install: Install, ...args: string[]): Promise<Ran> => start(install, ...args).ended;

/** What `render --json` says when it is done; throws with what it said instead. */
export async function rendered(
  install: Install,
  ...args: string[]
): Promise<RenderResult & { job: string; version: number }> {
  const { code, stdout, stderr } = await run(install, 'render', ...args, '--json');
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout) as RenderResult & { job: string; version: number };
}

export function progressIn(stderr: string): Progress[] {
  const whole = stderr.slice(0, stderr.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line.startsWith('{"stage"'))
    .map((line) => JSON.parse(line) as Progress);
}

/** A hash of a file, or of every file of a folder with its name. */
export async function hashOf(path: string): Promise<string> {
  const names = await readdir(path).catch(() => null);
  const hash = createHash('sha256');
  if (names === null) hash.update(await readFile(path));
  else for (const name of names.sort()) hash.update(name).update(await readFile(join(path, name)));
  return hash.digest('hex');
}
