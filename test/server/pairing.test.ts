import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LIMITS } from '../../bridge-server/server/limits.ts';
import { Pairing } from '../../bridge-server/server/pairing.ts';
import { installToken, keptToken } from '../../bridge-server/server/secret.ts';
import { newInstall, pentimento, removeInstall, serveForTest, type Install } from './bridge.ts';
import { Client } from './client.ts';

const codeFor = async (install: Install): Promise<string> => {
  const { code, stdout, stderr } = await pentimento(install, 'pair', '--json');
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as { code: string }).code;
};

async function tryCode(port: number, code: string): Promise<string | null> {
  const client = await new Client(port).opened();
  const paired = client.next('paired');
  paired.catch(() => undefined);
  client.say({ type: 'pair', code });
  const outcome = await Promise.race([paired.then(({ token }) => token), client.closed.then(({ reason }) => reason)]);
  client.socket.terminate();
  return outcome;
}

test('the code that the user sees gets the panel the token, once', async () => {
  const bridge = await serveForTest();
  expect(await tryCode(bridge.port, '0000-0000')).toBe('pairing-refused');

  const code = await codeFor(bridge);
  expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
  const client = await new Client(bridge.port).opened();
  client.say({
    type: 'pair',
    code: ` ${code.toLowerCase().replace('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')}`,
  });
  const { token } = await client.next('paired');
  expect(token).toBe(bridge.token);
  // Paired is not yet known: the hello comes with the token like any other, on the same socket.
  const welcome = client.next('welcome');
  client.say({ type: 'hello', version: 1, token });
  await welcome;
  await client.close();

  expect(await tryCode(bridge.port, code)).toBe('pairing-refused');
});

test('a code survives few guesses, a new one replaces it, and a human sees it with a word', async () => {
  const bridge = await serveForTest();
  const burnt = await codeFor(bridge);
  for (let n = 0; n < LIMITS.pairingTries; n++) expect(await tryCode(bridge.port, 'WRNG-WRNG')).toBe('pairing-refused');
  expect(await tryCode(bridge.port, burnt)).toBe('pairing-refused');

  const replaced = await codeFor(bridge);
  const { stdout, code } = await pentimento(bridge, 'pair');
  expect(code).toBe(0);
  expect(stdout).toMatch(/within 5 minutes/);
  expect(await tryCode(bridge.port, replaced)).toBe('pairing-refused');
  expect(await tryCode(bridge.port, stdout.split('\n')[0]!)).toBe(bridge.token);
});

test('without a bridge there is no code', async () => {
  const install = await newInstall();
  const { code, stdout, stderr } = await pentimento(install, 'pair');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('pentimento serve');
  await removeInstall(install);
});

test('a code holds for its minutes and not a moment longer', () => {
  let now = 0;
  const pairing = new Pairing({ pairingMs: 1000, pairingTries: 3 }, () => now);
  const first = pairing.offer();
  expect(first.expiresAt).toBe(1000);
  now = 999;
  expect(pairing.accept(first.code)).toBe(true);
  const second = pairing.offer();
  now += 1000;
  expect(pairing.accept(second.code)).toBe(false);
  const codes = new Set(Array.from({ length: 1000 }, () => pairing.offer().code));
  expect(codes.size).toBe(1000);
});

test('the token is random, is kept, and is nobody else to read', async () => {
  const [one, other] = [await newInstall(), await newInstall()];
  const config = join(one.home, 'config');
  const made = await Promise.all(Array.from({ length: 8 }, () => installToken(config)));
  expect(new Set(made).size).toBe(1);
  expect(made[0]).toMatch(/^[\w-]{43}$/);
  expect(await installToken(join(other.home, 'config'))).not.toBe(made[0]);
  const path = join(config, 'token');
  if (process.platform !== 'win32') {
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(config)).mode & 0o777).toBe(0o700);
    // One that others could read may have been read.
    await chmod(path, 0o644);
    expect(await keptToken(config)).toBeNull();
    expect(await installToken(config)).not.toBe(made[0]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  }
  await writeFile(path, '');
  const again = await installToken(config);
  expect(again).toMatch(/^[\w-]{43}$/);
  expect((await readFile(path, 'utf8')).trim()).toBe(again);
  await Promise.all([one, other].map(removeInstall));
});
