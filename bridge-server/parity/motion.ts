import path from 'node:path';
import { z } from 'zod';
import { motionModule } from '../networks/motion.ts';
import { Scope } from '../networks/scope.ts';
import { finish, type Storage } from '../onnx/model.ts';
import { runGraph, type Tensor } from '../onnx/session.ts';
import type { Part } from '../weights/model.ts';
import { openSafetensors } from '../weights/safetensors.ts';
import { compare, ONE_CALL, type ParityCase } from './case.ts';
import { openGolden, readJson } from './golden.ts';
import { STORAGES } from './networks.ts';

const clipSchema = z.looseObject({ num_frames: z.int().positive() });

/** One motion module of AnimateDiff, over clips of so many frames as its configuration says. */
export async function animateDiff(folder: string): Promise<ParityCase[]> {
  const config = clipSchema.parse(await readJson(path.join(folder, 'config.json')));
  const file = await openSafetensors(path.join(folder, 'motion_module.safetensors'));
  const weights = new Map(
    [...file.tensors].map(([name, tensor]) => [name, { ...tensor, path: file.path, transposed: false }]),
  );
  const part: Part = { kind: 'motion', path: file.path, family: 'sd15', weights, config, changes: new Map() };
  const golden = await openGolden(path.join(folder, 'golden.safetensors'));
  return STORAGES.map((storage) => ({
    id: `out ${storage}`,
    folder: path.basename(folder),
    tolerance: ONE_CALL,
    async measure() {
      const hidden = await golden.floats('hidden_states');
      const { out } = await run(part, storage, hidden, config.num_frames);
      return compare(out!.data as Float32Array, (await golden.floats('out')).data);
    },
  }));
}

async function run(part: Part, storage: Storage, hidden: Tensor, frames: number): Promise<Record<string, Tensor>> {
  const p = new Scope(part, { storage });
  const clips = hidden.shape[0]! / frames;
  const positions = p.graph.input('positions', 'int64', ['clips', 'frames']);
  const x = p.graph.input('hidden_states', 'float32', ['clips*frames', hidden.shape[1]!, 'height', 'width']);
  p.graph.output('out', motionModule(p, x, positions));
  const numbers = BigInt64Array.from({ length: clips * frames }, (_, i) => BigInt(i % frames));
  return runGraph(
    finish(p.graph, storage),
    { hidden_states: hidden, positions: { dtype: 'int64', shape: [clips, frames], data: numbers } },
    { threads: 1 },
  );
}
