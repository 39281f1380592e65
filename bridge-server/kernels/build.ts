import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const assembly = fileURLToPath(new URL('./assembly', import.meta.url));
const build = fileURLToPath(new URL('../../build', import.meta.url));

/** Pages of 64 KiB that engine.ts gives the memory; the module's import must state the same limits. */
export const INITIAL_PAGES = 16;
export const MAXIMUM_PAGES = 65536;

export const kernelsPath = join(build, 'kernels.wasm');

/**
 * Compiles kernels/assembly to build/kernels.wasm unless that is already the build of these very sources. Throws with the
 * compiler's own messages.
 */
export async function buildKernels(): Promise<void> {
  const names = (await readdir(assembly)).filter((name) => name.endsWith('.ts')).sort();
  const hash = createHash('sha256').update(await readFile(fileURLToPath(import.meta.url)));
  for (const name of names) hash.update(name).update(await readFile(join(assembly, name)));
  const stamp = `${kernelsPath}.sources`;
  const sources = hash.digest('hex');
  if (existsSync(kernelsPath) && existsSync(stamp) && (await readFile(stamp, 'utf8')) === sources) return;

  // Loaded only when it is needed: the compiler takes a second, and every command would wait for it.
  const { main: compile } = await import('assemblyscript/asc');
  await mkdir(build, { recursive: true });
  const part = `${kernelsPath}.${process.pid}.part`;
  const { error } = await compile(
    [
      join(assembly, 'index.ts'),
      ...['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd,threads,relaxed-simd'],
      ...['--importMemory', '--sharedMemory'],
      ...['--initialMemory', String(INITIAL_PAGES), '--maximumMemory', String(MAXIMUM_PAGES)],
      ...['--outFile', part],
    ],
    { stderr: process.stderr },
  );
  if (error) throw new Error('the kernels do not compile', { cause: error });
  await rename(part, kernelsPath);
  await writeFile(stamp, sources);
}

if (import.meta.main) await buildKernels();
