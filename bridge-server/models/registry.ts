import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite';
import { Failure } from '../errors.ts';

/** Its name in the data folder. */
export const REGISTRY_FILE = 'models.sqlite';

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE places (path TEXT PRIMARY KEY, kind TEXT NOT NULL, url TEXT) STRICT, WITHOUT ROWID;
  CREATE TABLE sums (path TEXT PRIMARY KEY, bytes INTEGER NOT NULL, sha256 TEXT) STRICT, WITHOUT ROWID;
  CREATE TABLE identities (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, identity TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

/**
 * What the user registered, and what we made ours: a file that stays where it is, a folder that is searched, a file or model folder
 * of our own that came from `url`, or a file of our own that was trained here. Paths are absolute.
 */
export type Place = {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'download' | 'trained';
  readonly url: string | null;
};

/** What a weight file was when it was added or first verified. */
export type Sum = { readonly bytes: number; readonly sha256: string | null };

/** What the store remembers, in one SQLite file that several processes may use. */
export class Registry {
  readonly #path: string;
  readonly #db: DatabaseSync;

  /** Makes the file and its folder when missing. Throws Failure 'models-unusable'. */
  constructor(path: string) {
    this.#path = path;
    this.#db = this.#tried(() => {
      mkdirSync(dirname(path), { recursive: true });
      const db = new DatabaseSync(path, { timeout: 10_000 });
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE');
      const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
      if (version === 0) db.exec(`${SCHEMA}; PRAGMA user_version = ${SCHEMA_VERSION}`);
      db.exec('COMMIT');
      if (version > SCHEMA_VERSION) throw this.#unusable('it was written by a newer Pentimento');
      return db;
    });
  }

  places(): readonly Place[] {
    return this.#all('SELECT * FROM places ORDER BY path').map(({ path, kind, url }) => ({
      path: String(path),
      kind: kind as Place['kind'],
      url: url as string | null,
    }));
  }

  keep({ path, kind, url }: Place): void {
    this.#all('INSERT OR REPLACE INTO places VALUES (?, ?, ?)', path, kind, url);
  }

  forget(path: string): void {
    this.#all('DELETE FROM places WHERE path = ?', path);
  }

  sum(path: string): Sum | null {
    const [row] = this.#all('SELECT bytes, sha256 FROM sums WHERE path = ?', path);
    return row ? { bytes: Number(row['bytes']), sha256: row['sha256'] as string | null } : null;
  }

  /** All files of which a sum is kept. */
  summed(): readonly string[] {
    return this.#all('SELECT path FROM sums').map(({ path }) => String(path));
  }

  keepSum(path: string, { bytes, sha256 }: Sum): void {
    this.#all('INSERT OR REPLACE INTO sums VALUES (?, ?, ?)', path, bytes, sha256);
  }

  forgetSum(path: string): void {
    this.#all('DELETE FROM sums WHERE path = ?', path);
  }

  /** What a model was told to be, as JSON, if it still has the same stamp. */
  identity(path: string, stamp: string): string | null {
    const [row] = this.#all('SELECT identity FROM identities WHERE path = ? AND stamp = ?', path, stamp);
    return row ? String(row['identity']) : null;
  }

  keepIdentity(path: string, stamp: string, identity: string): void {
    this.#all('INSERT OR REPLACE INTO identities VALUES (?, ?, ?)', path, stamp, identity);
  }

  close(): void {
    this.#db.close();
  }

  #all(sql: string, ...values: SQLInputValue[]): Record<string, SQLOutputValue>[] {
    return this.#tried(() => this.#db.prepare(sql).all(...values));
  }

  #tried<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof Failure ? error : this.#unusable((error as Error).message, error);
    }
  }

  #unusable(reason: string, cause?: unknown): Failure {
    return new Failure('models-unusable', { path: this.#path, reason }, cause);
  }
}
