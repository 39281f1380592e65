import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Every tensor of the real models: original name, name in diffusers, shape. */
export function realKeys(name: string): { original: string; diffusers: string; shape: number[] }[] {
  const file = path.join(import.meta.dirname, '..', 'goldens', 'key-maps', `${name}.tsv.gz`);
  return gunzipSync(readFileSync(file))
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [original = '', diffusers = '', shape = ''] = line.split('\t');
      return { original, diffusers, shape: shape === '' ? [] : shape.split('x').map(Number) };
    });
}
