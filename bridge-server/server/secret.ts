import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/**
 * The token of this install, 256 random bits as base64url; made when there is none. It is a file that only its owner can read
 * (0600 in a 0700 folder). One that others could have read is not kept: a new one takes its place.
 */
export async function installToken(configFolder: string): Promise<string> {
  await mkdir(configFolder, { recursive: true, mode: 0o700 });
  await chmod(configFolder, 0o700);
  const path = tokenPath(configFolder);
  for (;;) {
    const kept = await readToken(path);
    if (kept.token !== null) return kept.token;
    await placeToken(path, kept.present ? rename : linkUnlessThere);
  }
}

/** The token, when there is one to be trusted. */
export async function keptToken(configFolder: string): Promise<string | null> {
  return (await readToken(tokenPath(configFolder))).token;
}

const tokenPath = (configFolder: string): string => join(configFolder, 'token');

async function readToken(path: string): Promise<{ token: string | null; present: boolean }> {
  try {
    const { mode } = await stat(path);
    // Windows has no such bits: there the user's profile folder is what keeps others out.
    const exposed = process.platform !== 'win32' && (mode & 0o077) !== 0;
    const text = (await readFile(path, 'utf8')).trim();
    return { token: !exposed && TOKEN.test(text) ? text : null, present: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { token: null, present: false };
    throw error;
  }
}

async function placeToken(path: string, place: (from: string, to: string) => Promise<void>): Promise<void> {
  const beside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const file = await open(beside, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(32).toString('base64url')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await place(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
}

/** Of two processes that make the first token at once one wins, and both read that one. */
async function linkUnlessThere(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Compares in a time that tells nothing about where, or whether in length, the two differ. */
export function sameSecret(given: string, kept: string): boolean {
  return timingSafeEqual(digest(given), digest(kept));
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
