// Brings a fresh clone to where every command works: the npm packages (Node 24 is one of them) and the compiled kernels.
// Runs on any Node from 20 on and imports nothing that has to be installed first.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
const stamp = join(root, 'node_modules', '.pentimento-lock');

const installed = existsSync(stamp) && readFileSync(stamp, 'utf8') === lock;
if (!installed) {
  console.error('Installing packages (once)…');
  step('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { shell: process.platform === 'win32' });
  writeFileSync(stamp, lock);
}
step(join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node'), [
  join(root, 'bridge-server', 'kernels', 'build.ts'),
]);

function step(command, args, options = {}) {
  // stdout belongs to the command that follows; npm's chatter goes to stderr.
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (status === 0) return;
  console.error(`Could not install: ${error?.message ?? `${command} ended with ${status}`}.`);
  console.error('Check that this machine reaches the npm registry, then run the same command again.');
  process.exit(1);
}
