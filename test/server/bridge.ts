import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../bridge-server/main.ts', import.meta.url));

/** An install of its own, and a folder beside it that panels may use and one that they may not. */
export type Install = {
  readonly home: string;
  readonly allowed: string;
  readonly outside: string;
  readonly env?: Readonly<Record<string, string>>;
};

export async function newInstall(): Promise<Install> {
  const base = await realpath(await mkdtemp(join(tmpdir(), 'pentimento-bridge-')));
  const install = { home: join(base, 'home'), allowed: join(base, 'allowed'), outside: join(base, 'outside') };
  await Promise.all([install.allowed, install.outside].map((folder) => mkdir(folder)));
  return install;
}

export const removeInstall = ({ home }: Install): Promise<void> =>
  rm(join(home, '..'), { recursive: true, force: true });

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs the command line as an install's user would. */
export async function pentimento(install: Install, ...args: string[]): Promise<Ran> {
  const child = start(install, args);
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (part) => (stdout += String(part)));
  child.stderr!.on('data', (part) => (stderr += String(part)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

export type Served = {
  readonly port: number;
  readonly version: string;
  readonly token: string;
  readonly child: ChildProcess;
  /** Everything that it wrote to stderr so far. */
  readonly log: () => string;
  /** Ends it; the exit code, or the signal's name. */
  end(signal?: NodeJS.Signals): Promise<number | string>;
};

/** `pentimento serve` on any free port, as a process of its own, ready. */
export async function serve(install: Install, ...args: string[]): Promise<Served> {
  const child = start(install, ['serve', '--port', '0', '--allow', install.allowed, ...args]);
  let log = '';
  child.stderr!.on('data', (part) => (log += String(part)));
  const closed = once(child, 'close');
  const line = await Promise.race([once(createInterface(child.stdout!), 'line'), closed.then(() => null)]);
  if (line === null) throw new Error(`serve ended: ${log}`);
  const { port, version } = JSON.parse(String(line[0])) as { port: number; version: string };
  const token = (await readFile(join(install.home, 'config', 'token'), 'utf8')).trim();
  return {
    ...{ port, version, token, child },
    log: () => log,
    end: async (signal = 'SIGTERM') => {
      child.kill(signal);
      const [code, by] = (await closed) as [number | null, string | null];
      return code ?? by!;
    },
  };
}

function start(install: Install, args: readonly string[]): ChildProcess {
  const env = { ...process.env, ...install.env, PENTIMENTO_HOME: install.home };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Ends at the end of the test whatever happens in it. */
export async function serveForTest(install?: Install): Promise<Served & Install> {
  const own = install ?? (await newInstall());
  const served = await serve(own);
  onTestFinished(async () => {
    await served.end('SIGKILL');
    if (!install) await removeInstall(own);
  });
  return { ...served, ...own };
}

export type RawAnswer = { readonly status: number; readonly headers: Record<string, string>; readonly body: string };

/** Sends exactly these bytes and reads until the bridge closes or has answered whole. Null: closed without an answer. */
export function raw(port: number, bytes: string | Buffer): Promise<RawAnswer | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    const settle = (answer: RawAnswer | null): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('error', () => settle(parse(text)));
    socket.on('close', () => settle(parse(text)));
    socket.on('data', (part) => {
      text += part.toString('latin1');
      const answer = parse(text);
      const whole = answer && (answer.status === 101 || answer.body.length >= Number(answer.headers['content-length']));
      if (whole) settle(answer);
    });
  });
}

function parse(text: string): RawAnswer | null {
  const split = text.indexOf('\r\n\r\n');
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
  if (split < 0 || status === undefined) return null;
  const lines = text.slice(0, split).split('\r\n').slice(1);
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number(status), headers, body: text.slice(split + 4) };
}

/** The text of a request; a header given more than once is sent more than once. */
export function requestText(
  method: string,
  target: string,
  headers: readonly (readonly [string, string])[],
  body = '',
): string {
  const length: [string, string][] = body ? [['Content-Length', String(Buffer.byteLength(body))]] : [];
  const lines = [...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}
