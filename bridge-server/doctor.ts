import { randomBytes } from 'node:crypto';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { Failure } from './errors.ts';
import type { Folders } from './folders.ts';
import { openGraphics } from './jobs/graphics.ts';
import { Engine } from './kernels/engine.ts';
import { tool } from './media/ffmpeg.ts';
import { BRIDGE_PORTS } from './protocol/wire.ts';
import { runningBridge } from './server/running.ts';

/** One thing that Pentimento needs: what was found, and what to do when it is not enough. */
export type Finding = {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  readonly remedy: string | null;
};

const GIB = 1024 ** 3;
/** What a 1080p job needs at the least: its working set, and room for the cache of a short shot. */
const MEMORY_BYTES = 1.5 * GIB;
const DISK_BYTES = 5 * GIB;

/** Tries everything that a job needs; nothing here is taken on trust. Makes the install's folders when they are missing. */
export async function examine(places: Folders): Promise<Finding[]> {
  return [
    node(),
    await program('ffmpeg'),
    await program('ffprobe'),
    await images(),
    await kernels(),
    processors(),
    await graphics(),
    memory(),
    await writable('configuration folder', places.config),
    await writable('data folder', places.data),
    await writable('cache folder', places.cache),
    await disk(places.cache),
    await bridge(places.config),
  ];
}

const fine = (name: string, found: string): Finding => ({ name, ok: true, found, remedy: null });
const wrong = (name: string, found: string, remedy: string): Finding => ({ name, ok: false, found, remedy });

function node(): Finding {
  const enough = Number(process.versions.node.split('.')[0]) >= 24;
  return enough
    ? fine('Node', process.version)
    : wrong('Node', process.version, 'Run `npm start` once: it brings the Node that Pentimento uses.');
}

async function program(name: 'ffmpeg' | 'ffprobe'): Promise<Finding> {
  try {
    const { version, path } = await tool(name);
    return fine(name, `${version} (${path})`);
  } catch (error) {
    return failed(name, error, 'Run `npm start` once: it installs a copy.');
  }
}

async function images(): Promise<Finding> {
  try {
    const { default: sharp } = await import('sharp');
    const raw = { width: 1, height: 1, channels: 3 } as const;
    await sharp(Buffer.alloc(3), { raw }).png().toBuffer();
    return fine('sharp', `${sharp.versions.sharp ?? 'unknown version'}, libvips ${sharp.versions.vips}`);
  } catch (error) {
    return failed('sharp', error, 'Delete node_modules, then run `npm start`: it installs the copy for this machine.');
  }
}

async function kernels(): Promise<Finding> {
  try {
    const engine = await Engine.start(1);
    const { codeHash } = engine;
    await engine.close();
    return fine('kernels', `compiled, ${codeHash.slice(0, 12)}`);
  } catch (error) {
    return failed('kernels', error, 'Run `npm start` once: it compiles them.');
  }
}

function processors(): Finding {
  return fine('processors', `${availableParallelism()} (${cpus()[0]?.model.trim() ?? 'unknown'})`);
}

/** None is no fault: the processors do what it would. */
async function graphics(): Promise<Finding> {
  const card = await openGraphics(new AbortController().signal);
  if (typeof card === 'string') return fine('graphics card', `not used: ${card}`);
  card.close();
  return fine('graphics card', `${card.name}, makes the frames between keys`);
}

function memory(): Finding {
  const free = process.availableMemory();
  const found = `${gib(free)} GiB free of ${gib(Math.min(totalmem(), process.constrainedMemory() || Infinity))}`;
  return free >= MEMORY_BYTES
    ? fine('memory', found)
    : wrong(
        'memory',
        found,
        `Close other programs until ${gib(MEMORY_BYTES)} GiB are free, or use \`--profile small\`.`,
      );
}

async function writable(name: string, folder: string): Promise<Finding> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const probe = join(folder, `.probe-${randomBytes(4).toString('hex')}`);
    await writeFile(probe, 'probe');
    await rm(probe);
    return fine(name, folder);
  } catch (error) {
    return failed(name, error, `Make ${folder} a folder that you can write to, or set PENTIMENTO_HOME to one that is.`);
  }
}

async function disk(cache: string): Promise<Finding> {
  try {
    const { bavail, bsize } = await statfs(cache);
    const free = bavail * bsize;
    const found = `${gib(free)} GiB free where the cache is`;
    return free >= DISK_BYTES
      ? fine('disk', found)
      : wrong('disk', found, `Free ${gib(DISK_BYTES)} GiB, or set PENTIMENTO_HOME to a folder on a larger disk.`);
  } catch (error) {
    return failed('disk', error, 'Check the disk of the cache folder.');
  }
}

async function bridge(configFolder: string): Promise<Finding> {
  const running = await runningBridge(configFolder);
  if (running) return fine('bridge', `runs on port ${running.port}, version ${running.health.version}`);
  for (const port of BRIDGE_PORTS) {
    if (await isFree(port)) return fine('bridge', `does not run; port ${port} is free for it`);
  }
  const ports = `${BRIDGE_PORTS.at(0)}-${BRIDGE_PORTS.at(-1)}`;
  return wrong('bridge', `does not run; ports ${ports} are taken`, 'End the programs that use these ports.');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
      .once('error', () => resolve(false))
      .listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function failed(name: string, error: unknown, remedy: string): Finding {
  if (error instanceof Failure) return wrong(name, error.message, (error as Failure).remedy);
  return wrong(name, (error as Error).message, remedy);
}

const gib = (bytes: number): string => (bytes / GIB).toFixed(1);
