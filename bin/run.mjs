// Runs a TypeScript file of this repository under the Node 24 that the `node` package brought, whatever Node started this:
// node bin/run.mjs bench/main.ts ARGUMENTS
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const node = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

// Pictures lie outside of V8's heap: what is young in it may be little, and what is old is looked through when it has grown by half; left to
// itself, V8 lets it grow to four times what is in use.
const SMALL_HEAP = ['--max-semi-space-size=4', '--heap-growing-percent=50'];

export function run(file, args) {
  const child = spawn(node, [...SMALL_HEAP, join(root, file), ...args], {
    // The channel tells the child when this process has gone, however it ended.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // Memory for pictures goes back to the system as soon as it is freed, and threads share what is free; left to itself, glibc learns to
    // keep it (mallopt(3)).
    env: { MALLOC_MMAP_THRESHOLD_: String(2 ** 20), MALLOC_ARENA_MAX: '2', ...process.env },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', () => {
    console.error('Pentimento is not installed yet.\nRun `npm start` once in its folder.');
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : code));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) run(process.argv[2], process.argv.slice(3));
