import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/**
 * A stage's own folder in the cache: named entries, each there whole or not at all. Any number of processes may write the same
 * entry at once (they write the same bytes).
 */
export type StageFolder = {
  readonly path: string;
  /** Whether the entry is there. It may still turn out damaged: `read` finds that out. */
  has(name: string): Promise<boolean>;
  /**
   * The bytes that were written, checked; aligned to 8 bytes. Throws CacheDamage when the entry is missing or not what was
   * written: nobody need catch it, the job runner makes again what is missing.
   */
  read(name: string): Promise<Uint8Array>;
  /** Written beside, one piece after the other, then renamed into place. */
  write(name: string, ...pieces: readonly Uint8Array[]): Promise<void>;
  /** Sorted. */
  names(): Promise<string[]>;
};

/** An entry that cannot be used; it has been removed. */
export class CacheDamage extends Error {
  override readonly name = 'CacheDamage';
  readonly folder: string;
  /** Absent: not even the file was there. */
  readonly missing: boolean;

  constructor(folder: string, entry: string, missing: boolean) {
    super(`${join(folder, entry)} is ${missing ? 'missing' : 'damaged'}`);
    this.folder = folder;
    this.missing = missing;
  }
}

/** An entry on disk: these 16 bytes, little-endian, then the payload: magic, CRC-32 of the payload, its length (64 bit). */
const HEADER_BYTES = 16;
const MAGIC = 0x314e5450;
const PART = /^\.(.+)\.(\d+)\.\d+\.part$/;
let parts = 0;

/** `path` must exist. */
export function openStageFolder(path: string): StageFolder {
  const at = (name: string): string => {
    if (!/^[\w][\w.-]*$/.test(name)) throw new RangeError(`not a name for a cache entry: ${name}`);
    return join(path, name);
  };
  return {
    path,
    has: async (name) => {
      const found = await stat(at(name)).catch(ifMissing);
      return found?.isFile() ?? false;
    },
    read: async (name) => {
      const bytes = await readWhole(at(name)).catch(ifMissing);
      if (bytes === null) throw new CacheDamage(path, name, true);
      const payload = checked(bytes);
      if (payload) return payload;
      await rm(at(name), { force: true });
      throw new CacheDamage(path, name, false);
    },
    write: async (name, ...pieces) => {
      const place = at(name);
      const part = join(path, `.${name}.${process.pid}.${parts++}.part`);
      try {
        await writeWhole(part, pieces);
        await rename(part, place);
      } catch (error) {
        await rm(part, { force: true }).catch(() => undefined);
        // Node names no path where a write fails.
        throw Object.assign(error as NodeJS.ErrnoException, { path: place });
      }
    },
    names: async () => (await readdir(path)).filter((name) => !name.startsWith('.')).sort(),
  };
}

/** Removes what writers that no longer run had begun. */
export async function removeDeadParts(path: string, isAlive: (pid: number) => boolean): Promise<void> {
  for (const name of await readdir(path)) {
    const pid = PART.exec(name)?.[2];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(path, name), { force: true });
  }
}

async function writeWhole(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  header.setUint32(0, MAGIC, true);
  header.setUint32(
    4,
    pieces.reduce((sum, piece) => crc32(piece, sum), 0),
    true,
  );
  header.setBigUint64(8, BigInt(pieces.reduce((sum, { length }) => sum + length, 0)), true);
  const file = await open(path, 'w');
  try {
    let left = [new Uint8Array(header.buffer), ...pieces].filter((bytes) => bytes.length > 0);
    while (left.length > 0) {
      let { bytesWritten } = await file.writev(left);
      left = left.flatMap((bytes) => {
        const taken = Math.min(bytesWritten, bytes.length);
        bytesWritten -= taken;
        return taken === bytes.length ? [] : [bytes.subarray(taken)];
      });
    }
  } finally {
    await file.close();
  }
}

async function readWhole(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(size);
    let done = 0;
    while (done < size) {
      const { bytesRead } = await file.read(bytes, done, size - done, done);
      if (bytesRead === 0) return bytes.subarray(0, done);
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

function checked(bytes: Uint8Array): Uint8Array | null {
  if (bytes.length < HEADER_BYTES) return null;
  const header = new DataView(bytes.buffer, 0, HEADER_BYTES);
  const payload = bytes.subarray(HEADER_BYTES);
  const intact =
    header.getUint32(0, true) === MAGIC &&
    header.getBigUint64(8, true) === BigInt(payload.length) &&
    header.getUint32(4, true) === crc32(payload);
  return intact ? payload : null;
}

function ifMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
