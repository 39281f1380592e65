import { copyFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SharedRuntime } from '../../bridge-server/jobs/shared-runtime.ts';
import { newFolder } from './folder.ts';

test('one runtime serves job after job, until its profile or a file of its weights is another', async () => {
  const folder = await newFolder();
  const [base, vae] = ['base', 'vae'].map((name) => join(folder, `${name}.safetensors`)) as [string, string];
  await writeFile(base, 'one');
  await writeFile(vae, 'two');
  const shared = new SharedRuntime();
  onTestFinished(() => shared.close());

  const first = await shared.for('fast', [base]);
  expect(await shared.for('fast', [base, vae])).toBe(first);
  expect(await shared.for('fast', [vae])).toBe(first);
  // Put in place by a rename, as tools do: the old content is still there for whoever has it open.
  await copyFile(base, `${base}.new`);
  await rename(`${base}.new`, base);
  expect(await shared.for('fast', [vae])).toBe(first);
  const second = await shared.for('fast', [base]);
  expect(second).not.toBe(first);
  expect(await shared.for('fast', [base])).toBe(second);
  expect(await shared.for('small', [base])).not.toBe(second);
});
