import { readFile, readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { answerOf, passesOf } from '../../../bridge-server/propagate/gpu/passes.ts';

const sources = new URL('../../../bridge-server/', import.meta.url);

/** The kernels that modules ask a device for by name. */
async function kernelsIn(paths: readonly string[]): Promise<Set<string>> {
  const names = new Set<string>();
  for (const path of paths) {
    const text = await readFile(new URL(path, sources), 'utf8');
    for (const [, name] of text.matchAll(/\brun\(\s*'(\w+)'/g)) names.add(name!);
  }
  return names;
}

test('every kernel that propagation runs has a twin for the graphics card', async () => {
  const modules = (await readdir(new URL('propagate', sources))).filter((name) => name.endsWith('.ts'));
  const kernels = await kernelsIn([...modules.map((name) => `propagate/${name}`), 'shot/flow.ts']);
  expect(kernels.size).toBeGreaterThan(20);
  const args = Array.from({ length: 16 }, () => 8);
  const missing = [...kernels].filter((name) => {
    if (answerOf(name, args) !== null) return false;
    try {
      return passesOf(name, args).length === 0;
    } catch {
      return true;
    }
  });
  expect(missing).toEqual([]);
});
