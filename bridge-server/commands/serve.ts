import { realpath } from 'node:fs/promises';
import { Failure } from '../errors.ts';
import { EXIT } from '../exit.ts';
import { folders } from '../folders.ts';
import { Jobs } from '../jobs/queue.ts';
import { BRIDGE_PORTS } from '../protocol/wire.ts';
import { ModelStore } from '../models/store.ts';
import { showPanel } from './panel.ts';
import { openBridge } from '../server/bridge.ts';
import { Desk } from '../server/desk.ts';
import { panelBuilt } from '../server/page.ts';
import { allowRoot } from '../server/roots.ts';
import { leaveNote, removeNote, runningBridge } from '../server/running.ts';
import { installToken } from '../server/secret.ts';
import { VERSION } from '../version.ts';

export type ServeOptions = {
  /** Null: the first free one of the bridge's own. 0: any. */
  readonly port: number | null;
  /** Folders that panels may use from now on. */
  readonly allow: readonly string[];
  /** Shows the panel in a browser. */
  readonly open: boolean;
};

/**
 * Runs the bridge until it is told to end (SIGTERM, SIGINT, SIGHUP); says where it listens by one JSON line on stdout. When this
 * install's bridge already runs, says where that one does, and is done.
 */
export async function serve({ port, allow, open }: ServeOptions): Promise<void> {
  const places = folders();
  if (open && !(await panelBuilt())) throw new Failure('panel-not-built', undefined);
  const token = await installToken(places.config);
  for (const folder of allow) await allowRoot(places.config, folder);

  const running = await runningBridge(places.config);
  if (running && port !== null && port !== running.port) throw new Failure('bridge-running', { port: running.port });
  if (running) {
    announce(running.port, running.health.version);
    if (open) await showPanel(places.config);
    return;
  }

  surviveFaults();
  const jobs = Jobs.open(places);
  const models = new ModelStore(places.data);
  let desk: Desk | null = null;
  try {
    const closed = await Promise.all([places.config, places.data].map((folder) => realpath(folder)));
    desk = new Desk(jobs, places.config, closed, models);
    const bridge = await openBridge({ version: VERSION, token, desk, ports: port === null ? BRIDGE_PORTS : [port] });
    const end = endAsked();
    await leaveNote(places.config, bridge.port);
    await desk.takeUp();
    announce(bridge.port, VERSION);
    if (open) await showPanel(places.config);
    await end;
    await bridge.close();
  } finally {
    await desk?.close();
    await jobs.close();
    models.close();
    await removeNote(places.config);
  }
}

function announce(port: number, version: string): void {
  process.stdout.write(`${JSON.stringify({ port, version })}\n`);
}

/** How long a repetition of a request to end is taken for the same one: a terminal's Ctrl-C reaches us and our launcher. */
const SAME_REQUEST_MS = 1000;

/** Resolves at the first request to end; another, later one ends the process on the spot (its jobs can be resumed all the same). */
function endAsked(): Promise<void> {
  return new Promise((resolve) => {
    let first: number | null = null;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        first ??= performance.now();
        if (performance.now() - first > SAME_REQUEST_MS) process.exit(EXIT.failed);
        resolve();
      });
    }
  });
}

/** What escapes from one job must not take the others and every panel with it. It goes to the log. */
function surviveFaults(): void {
  process.stderr.on('error', () => undefined);
  process.on('uncaughtException', (error) => process.stderr.write(`${error.stack ?? String(error)}\n`));
  process.on('unhandledRejection', (reason) => {
    process.stderr.write(`${reason instanceof Error ? reason.stack : String(reason)}\n`);
  });
}
