import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Failure } from '../../errors.ts';
import type { ControlKind } from '../kinds.ts';
import { readDescription } from './description.ts';

/**
 * The annotator for a kind of map among the networks in these folders and below: an .onnx file whose description says that kind.
 * What has no sound description is passed over. Failures: annotator-missing, annotator-ambiguous.
 */
export async function findAnnotator(kind: ControlKind, folders: readonly string[]): Promise<string> {
  const found = new Set<string>();
  for (const folder of folders) {
    const names = await readdir(folder, { recursive: true }).catch(() => []);
    for (const name of names.sort()) {
      if (!/\.onnx$/i.test(name)) continue;
      const path = resolve(join(folder, name));
      const description = await readDescription(path).catch(() => null);
      if (description?.kind === kind) found.add(path);
    }
  }
  const [only, another] = found;
  if (only === undefined) throw new Failure('annotator-missing', { kind });
  if (another !== undefined) throw new Failure('annotator-ambiguous', { kind, paths: [...found] });
  return only;
}
