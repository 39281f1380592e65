import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { CLIP, OPEN_CLIP_G } from '../weights/keys/clip.ts';
import { type KeyMap, mapKey } from '../weights/keys/key-map.ts';
import { CONTROLNET, UNET } from '../weights/keys/unet.ts';
import { VAE } from '../weights/keys/vae.ts';
import type { ParityCase } from './case.ts';

/** One network in a list: below which prefix its tensors are, in the original names and in those of diffusers. */
const NETWORKS: readonly { list: string; original: string; diffusers: string; map: KeyMap }[] = [
  { list: 'sd15', original: 'model.diffusion_model.', diffusers: 'unet/', map: UNET },
  { list: 'sd15', original: 'first_stage_model.', diffusers: 'vae/', map: VAE },
  { list: 'sd15', original: 'cond_stage_model.transformer.', diffusers: 'text_encoder/', map: CLIP },
  { list: 'sdxl', original: 'model.diffusion_model.', diffusers: 'unet/', map: UNET },
  { list: 'sdxl', original: 'first_stage_model.', diffusers: 'vae/', map: VAE },
  { list: 'sdxl', original: 'conditioner.embedders.0.transformer.', diffusers: 'text_encoder/', map: CLIP },
  { list: 'controlnet-sd15', original: 'control_model.', diffusers: '', map: CONTROLNET },
];

/** The names of the tensors of real models: `maxAbs` is how many are called otherwise here, so the tolerance is 0. */
export function keyMaps(folder: string): ParityCase[] {
  const named = NETWORKS.map(({ list, original, diffusers, map }) =>
    oneCase(folder, `${list}/${original.slice(0, -1)}`, async () => {
      const rows = (await rowsOf(folder, list)).filter(([name]) => name.startsWith(original));
      const expected = rows.map(([, name]) => name.slice(diffusers.length));
      const found = rows.map(([name]) => mapKey(map, name.slice(original.length)).map((to) => to.name));
      return { all: rows.length, wrong: expected.filter((name, i) => found[i]!.join() !== name).length };
    }),
  );
  const below = 'conditioner.embedders.1.model.';
  const openClip = oneCase(folder, `sdxl/${below.slice(0, -1)}`, async () => {
    // Fused query, key and value: the names are compared as a set.
    const rows = (await rowsOf(folder, 'sdxl')).filter(([name]) => name.startsWith(below));
    const found = new Set(rows.flatMap(([name]) => mapKey(OPEN_CLIP_G, name.slice(below.length)).map((to) => to.name)));
    const expected = new Set((await rowsOf(folder, 'sdxl-text-encoder-2-diffusers')).map(([, name]) => name));
    return { all: expected.size, wrong: found.symmetricDifference(expected).size };
  });
  return [...named, openClip];
}

const oneCase = (folder: string, id: string, count: () => Promise<{ all: number; wrong: number }>): ParityCase => ({
  id,
  folder: path.basename(folder),
  tolerance: 0,
  metric: 'maxAbs',
  async measure() {
    const { all, wrong } = await count();
    if (all === 0) throw new RangeError('the list names no such tensors');
    return { relativeL2: wrong / all, maxAbs: wrong };
  },
});

/** Original name and name in diffusers, of every tensor in a list. */
async function rowsOf(folder: string, list: string): Promise<(readonly [string, string])[]> {
  const bytes = await promisify(gunzip)(await readFile(path.join(folder, `${list}.tsv.gz`)));
  const lines = bytes.toString().split('\n').filter(Boolean);
  return lines.map((line) => {
    const [original = '', diffusers = ''] = line.split('\t');
    return [original, diffusers] as const;
  });
}
