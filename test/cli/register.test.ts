import { execFile, spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { registration } from '../../bridge-server/registration.ts';
import { newInstall, pentimento, removeInstall } from '../server/bridge.ts';

const run = promisify(execFile);
const command = ['/opt/node 24/node', "/opt/it's/main.ts", 'serve'];
const where = { home: '/home/ann', environment: {} };

test('Linux: a desktop entry in the user’s own folder, told to xdg-mime', () => {
  const { files, commands, remove } = registration('linux', { command, env: {} }, where)!;
  expect(files.map(({ path }) => path).toSorted()).toEqual(remove.toSorted());
  for (const { path } of files) expect(path).toMatch(/^\/home\/ann\/\.local\/share\//);
  expect(files.find(({ path }) => path.endsWith('.desktop'))!.text).toContain(
    '\nMimeType=x-scheme-handler/pentimento;',
  );
  expect(commands).toEqual([['xdg-mime', 'default', 'pentimento.desktop', 'x-scheme-handler/pentimento']]);
  const moved = registration('linux', { command, env: {} }, { ...where, environment: { XDG_DATA_HOME: '/d' } })!;
  for (const path of moved.remove) expect(path).toMatch(/^\/d\//);
});

test('Windows: keys of the user’s own classes, and no part of an address in the command', () => {
  const starting = { command: ['C:\\Program Files\\node.exe', 'C:\\P\\main.ts', 'serve'], env: {} };
  const { files, commands, undo } = registration('win32', starting, where)!;
  expect(files).toEqual([]);
  const key = 'HKCU\\Software\\Classes\\pentimento';
  for (const [program, , path] of [...commands, ...undo]) {
    expect(program).toBe('reg.exe');
    expect(path!.startsWith(key)).toBe(true);
  }
  expect(commands).toContainEqual(['reg.exe', 'add', key, '/v', 'URL Protocol', '/d', '', '/f']);
  const line = '"C:\\Program Files\\node.exe" C:\\P\\main.ts serve';
  expect(commands).toContainEqual(['reg.exe', 'add', `${key}\\shell\\open\\command`, '/ve', '/d', line, '/f']);
});

test('macOS: an app without a window, whose property list names the scheme', () => {
  const { files, remove } = registration('darwin', { command, env: {} }, where)!;
  expect(remove).toEqual(['/home/ann/Applications/Pentimento.app']);
  for (const { path } of files) expect(path.startsWith(remove[0]!)).toBe(true);
  const plist = files.find(({ path }) => path.endsWith('Info.plist'))!.text;
  expect(plist.replaceAll(/\s+/g, '')).toContain('<array><string>pentimento</string></array>');
  const executable = /<key>CFBundleExecutable<\/key>\s*<string>(\w+)</.exec(plist)![1]!;
  expect(files.find(({ mode }) => mode === 0o755)!.path).toBe(join(remove[0]!, 'Contents', 'MacOS', executable));
});

test('other systems have none', () => {
  expect(registration('aix', { command, env: {} }, where)).toBeNull();
});

test('the script starts exactly what it is told to, whatever the names', () => {
  const word = fc.string({ minLength: 1 }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 3 }), word, (words, value) => {
      const starting = {
        command: [process.execPath, '-p', 'JSON.stringify(process.argv.slice(1))', '--', ...words],
        env: { T: value },
      };
      const { files } = registration('linux', starting, { ...where, environment: { XDG_DATA_HOME: '/d' } })!;
      const script = files.find(({ mode }) => mode === 0o755)!.text.replace(/ >'[^']*' 2>&1\n$/, '\n');
      const { stdout } = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
      return JSON.stringify(JSON.parse(stdout)) === JSON.stringify(words);
    }),
    { numRuns: 10 },
  );
});

const hasXdg = process.platform === 'linux' && spawnSync('xdg-mime', ['--version']).status === 0;

test.skipIf(!hasXdg)(
  'registered, the system starts the bridge from an address; and no longer once that is taken back',
  async () => {
    const install = await newInstall();
    onTestFinished(() => removeInstall(install));
    const home = join(install.home, '..', 'user');
    // A display, so that it looks for a program with windows; the plainest kind of desktop.
    const env = { HOME: home, XDG_DATA_HOME: '', XDG_CONFIG_HOME: '', XDG_CURRENT_DESKTOP: '', DISPLAY: ':none' };
    const own = { ...install, env };
    const system = (program: string, ...args: string[]) => run(program, args, { env: { ...process.env, ...env } });
    const handler = async (): Promise<string> =>
      (await system('xdg-mime', 'query', 'default', 'x-scheme-handler/pentimento')).stdout.trim();

    expect((await pentimento(own, 'register')).code).toBe(0);
    expect((await pentimento(own, 'register')).code).toBe(0);
    expect(await handler()).toBe('pentimento.desktop');
    const opening = system('xdg-open', 'pentimento:--allow=/');
    opening.catch(() => undefined);
    const note = await vi.waitFor(
      async () => JSON.parse(await readFile(join(install.home, 'config', 'bridge.json'), 'utf8')) as { pid: number },
      30_000,
    );
    onTestFinished(() => void process.kill(note.pid, 'SIGKILL'));
    // The address itself went nowhere.
    expect(await readdir(join(install.home, 'config'))).not.toContain('roots.json');

    expect((await pentimento(own, 'register', '--remove')).code).toBe(0);
    expect(await handler()).toBe('');
    expect(await readdir(join(home, '.local', 'share', 'applications'))).toEqual([]);
  },
);
