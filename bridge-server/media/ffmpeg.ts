import { spawn } from 'node:child_process';
import { accessSync, chmodSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import fluent from 'fluent-ffmpeg';
import { Failure } from '../errors.ts';

/**
 * The only door to ffmpeg and ffprobe, and the only module that knows fluent-ffmpeg. Nothing here goes through a shell; inputs
 * may only be files and pipes; every run dies at once when its signal aborts.
 */
export type Tool = {
  readonly path: string;
  /** The first line that the program says about itself: part of the identity of what it decodes. */
  readonly version: string;
  /** Major version of its libavformat: 58 is ffmpeg 4, 59 is 5, 60 is 6, and so on. Development builds have no other number. */
  readonly generation: number;
};

type ToolName = 'ffmpeg' | 'ffprobe';

const found = new Map<ToolName, Promise<Tool>>();

/** Looked for in this order: the setting (an environment variable), PATH, the installer's copy. */
export function tool(name: ToolName): Promise<Tool> {
  let known = found.get(name);
  if (!known) {
    known = look(name);
    found.set(name, known);
    known.catch(() => found.delete(name));
  }
  return known;
}

async function look(name: ToolName): Promise<Tool> {
  // Static builds crash when they load the system's character set converters (for titles in MPEG-TS): they find none here.
  process.env['GCONV_PATH'] ??= '/dev/null';
  const setting = `PENTIMENTO_${name.toUpperCase()}`;
  const path = process.env[setting] ?? onPath(name) ?? installed(name);
  if (path === null || !runnable(path)) throw new Failure('ffmpeg-missing', { name, path, setting });
  const lines: string[] = [];
  try {
    for await (const line of linesOf(path, ['-version'], new Tail())) lines.push(line);
  } catch (error) {
    throw new Failure('ffmpeg-missing', { name, path, setting }, error);
  }
  const generation = Number(/libavformat\s+(\d+)\./.exec(lines.join('\n'))?.[1]);
  if (!generation) throw new Failure('ffmpeg-missing', { name, path, setting });
  return { path, version: lines[0]!, generation };
}

function onPath(name: ToolName): string | null {
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, file)).find(runnable) ?? null;
}

function installed(name: ToolName): string | null {
  let path: string;
  try {
    path = (createRequire(import.meta.url)(`@${name}-installer/${name}`) as { path: string }).path;
  } catch {
    return null; // The installer has no copy for this platform.
  }
  if (!runnable(path)) {
    // npm may have been told not to run install scripts; this is what the installer's would have done.
    try {
      chmodSync(path, 0o755);
    } catch {
      return null;
    }
  }
  return path;
}

function runnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What ffmpeg or ffprobe said when it failed: the last lines of stderr. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  readonly stderr: string;

  constructor(program: string, stderr: string, cause?: unknown) {
    super(`${program} failed: ${stderr.trim() || 'it gave no reason'}`, { cause });
    this.stderr = stderr;
  }
}

/** Forms the only kind of name that ffmpeg cannot take for an option, a protocol or a pattern. `path` must be absolute. */
export const fileUrl = (path: string): string => `file:${path}`;

/** Options that come before every `-i`. `format` forces the demuxer: ffmpeg must never guess what a file is. */
export const openOptions = (format: string | null): string[] => [
  ...['-protocol_whitelist', 'file,pipe'],
  ...(format === null ? [] : ['-f', format]),
];

/**
 * Runs ffprobe and gives its standard output line by line. Throws ToolError, or the signal's reason. `complaints`: the last of what
 * it says on stderr even if it ends well.
 */
export async function* ffprobe(
  args: readonly string[],
  signal: AbortSignal,
  complaints = new Tail(),
): AsyncGenerator<string> {
  const { path } = await tool('ffprobe');
  yield* linesOf(path, ['-hide_banner', '-loglevel', 'error', ...args], complaints, signal);
}

async function* linesOf(
  path: string,
  args: readonly string[],
  tail: Tail,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  signal?.throwIfAborted();
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
  child.stderr.setEncoding('utf8').on('data', (text: string) => tail.add(text));
  const ended = new Promise<string | null>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, killed) => resolve(code === 0 ? null : (killed ?? `exit code ${code}`)));
  });
  const kill = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  try {
    yield* createInterface({ input: child.stdout, crlfDelay: Infinity });
    const failure = await ended;
    signal?.throwIfAborted();
    if (failure !== null) throw new ToolError(path, `${tail.text}\n${failure}`);
  } finally {
    signal?.removeEventListener('abort', kill);
    kill();
  }
}

export type Input = { readonly options: readonly string[]; readonly source: string | Readable };
export type FfmpegRun = {
  readonly inputs: readonly Input[];
  /** Options of the one output. */
  readonly options: readonly string[];
  readonly output: string | Writable;
  /** Sees every line of stderr. */
  readonly onLine?: (line: string) => void;
};
export type Running = {
  /** Settles when the process has gone: with what it wrote to stderr, or rejects with ToolError or the signal's reason. */
  readonly ended: Promise<string>;
  kill(): void;
};

/** Starts ffmpeg. A stream given as output must not emit `close` by itself: fluent-ffmpeg takes that for a failure. */
export async function ffmpeg({ inputs, options, output, onLine }: FfmpegRun, signal: AbortSignal): Promise<Running> {
  const { path } = await tool('ffmpeg');
  signal.throwIfAborted();
  const command = fluent({ stdoutLines: 100 }).setFfmpegPath(path);
  for (const [n, input] of inputs.entries()) {
    const common = n === 0 ? ['-hide_banner', '-nostdin', '-y'] : [];
    command.input(input.source).inputOptions(...common, ...input.options);
  }
  command.output(output).outputOptions(...options);

  const tail = new Tail();
  let started = false;
  let killed = false;
  const kill = (): void => {
    killed = true;
    command.kill('SIGKILL');
  };
  const ended = new Promise<string>((resolve, reject) => {
    command.on('stderr', (line: string) => {
      tail.add(`${line}\n`);
      onLine?.(line);
    });
    command.on('start', () => {
      started = true;
      if (killed) command.kill('SIGKILL');
    });
    command.on('end', () => resolve(tail.text));
    command.on('error', (error: Error) => {
      // Before the start nothing is connected to the output that would end it.
      if (!started && typeof output !== 'string') output.end();
      reject(signal.aborted ? (signal.reason as Error) : new ToolError('ffmpeg', tail.text || error.message, error));
    });
  }).finally(() => signal.removeEventListener('abort', kill));
  // Whoever awaits it sees the rejection; nobody has to.
  ended.catch(() => undefined);
  signal.addEventListener('abort', kill, { once: true });
  command.run();
  return { ended, kill };
}

/** The last few thousand characters of a stream, whatever its length. */
export class Tail {
  text = '';

  add(more: string): void {
    this.text = (this.text + more).slice(-8192);
  }
}
