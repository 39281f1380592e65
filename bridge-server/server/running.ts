import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { healthSchema, type Health } from '../protocol/http.ts';
import { keptToken } from './secret.ts';

/** How the other commands of an install find its bridge: a note in the config folder, and a question to whoever answers there. */
const noteSchema = z.object({ port: z.int(), pid: z.int() });
const ANSWER_MS = 3000;

export async function leaveNote(configFolder: string, port: number): Promise<void> {
  const path = notePath(configFolder);
  const beside = `${path}.${process.pid}`;
  await writeFile(beside, JSON.stringify({ port, pid: process.pid }), { mode: 0o600 });
  await rename(beside, path);
}

/** Unless another bridge has left its own since. */
export async function removeNote(configFolder: string): Promise<void> {
  const note = await readNote(configFolder);
  if (note?.pid === process.pid) await rm(notePath(configFolder), { force: true });
}

export type RunningBridge = {
  readonly port: number;
  readonly health: Health;
  /** Asks it something with the install's token. */
  post(path: string): Promise<unknown>;
};

/** The bridge of this install that runs now, or null. */
export async function runningBridge(configFolder: string): Promise<RunningBridge | null> {
  const note = await readNote(configFolder);
  const token = await keptToken(configFolder);
  if (!note || token === null) return null;
  const ask = async (method: 'GET' | 'POST', path: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${note.port}${path}`, {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: { authorization: `Bearer ${token}`, ...(method === 'POST' && { 'content-type': 'application/json' }) },
      ...(method === 'POST' && { body: '{}' }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    return await response.json();
  };
  try {
    const health = healthSchema.parse(await ask('GET', '/v1/health'));
    return { port: note.port, health, post: (path) => ask('POST', path) };
  } catch {
    return null;
  }
}

async function readNote(configFolder: string): Promise<z.infer<typeof noteSchema> | null> {
  try {
    return noteSchema.parse(JSON.parse(await readFile(notePath(configFolder), 'utf8')));
  } catch {
    return null;
  }
}

const notePath = (configFolder: string): string => join(configFolder, 'bridge.json');
