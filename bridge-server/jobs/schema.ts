import type { DatabaseSync } from 'node:sqlite';
import { Failure } from '../errors.ts';

const SCHEMA_VERSION = 4;
const SCHEMA = `
  CREATE TABLE owners (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, beat INTEGER NOT NULL) STRICT;
  CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT UNIQUE,
    created INTEGER NOT NULL,
    kind TEXT NOT NULL,
    request TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    source TEXT NOT NULL,
    output TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    owner TEXT,
    key_place TEXT,
    frame_places TEXT,
    asked TEXT,
    position INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    UNIQUE (source, output, version)
  ) STRICT;
  CREATE INDEX jobs_by_revision ON jobs (revision);
  CREATE INDEX jobs_by_request ON jobs (request_hash);
  CREATE INDEX jobs_by_owner ON jobs (owner);
  CREATE INDEX jobs_by_position ON jobs (position);
  CREATE TABLE holds (folder TEXT NOT NULL, job INTEGER NOT NULL, PRIMARY KEY (folder, job)) STRICT, WITHOUT ROWID;
  CREATE INDEX holds_by_job ON holds (job);
  CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

/** The steps from each version to the next. */
const MIGRATIONS: Readonly<Record<number, string>> = {
  // Where keys lie is told more exactly since; it is only needed for showing them.
  1: 'ALTER TABLE jobs RENAME look_folder TO key_place; UPDATE jobs SET key_place = NULL',
  2: `
    ALTER TABLE jobs ADD COLUMN asked TEXT;
    UPDATE jobs SET asked = 'cancelled' WHERE cancel;
    ALTER TABLE jobs DROP COLUMN cancel;
    ALTER TABLE jobs ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
    UPDATE jobs SET position = id;
    ALTER TABLE jobs ADD COLUMN frame_places TEXT;
    CREATE INDEX jobs_by_owner ON jobs (owner);
    CREATE INDEX jobs_by_position ON jobs (position);
    UPDATE jobs SET state = json_set(state, '$.result.advice', json('null'), '$.result.stability', json('[]'),
      '$.result.range', json_object('from', request->>'$.source.from',
        'to', (request->>'$.source.from') + (state->>'$.result.frames')))
      WHERE state->>'state' = 'done';
  `,
  3: "ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'render'",
};

/** Makes the tables of a new store, and brings those of an older one to what they are now. Throws Failure 'store-newer'. */
export function prepare(db: DatabaseSync, path: string): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (version > SCHEMA_VERSION) throw new Failure('store-newer', { path });
  if (version === 0) db.exec(SCHEMA);
  for (let from = version; from > 0 && from < SCHEMA_VERSION; from++) db.exec(MIGRATIONS[from]!);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}
