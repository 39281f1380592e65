import { recordTextEncoder } from '../bridge-server/networks/text-encoder.ts';
import { recordUNet } from '../bridge-server/networks/unet.ts';
import { recordVaeDecoder, recordVaeEncoder } from '../bridge-server/networks/vae.ts';
import type { Recording, Storage } from '../bridge-server/onnx/model.ts';
import { openSession, type Tensor, type Tensors } from '../bridge-server/onnx/session.ts';
import { type Model, openModel, requirePart } from '../bridge-server/weights/model.ts';
import { emptyCheckpoint } from './checkpoint.ts';
import type { BenchCase } from './harness.ts';

const PICTURE = { batch: 'batch', height: 'height', width: 'width' };

type Network = {
  readonly name: string;
  readonly record: (model: Model, storage: Storage) => Recording;
  readonly feeds: Tensors;
};

const zeros = (...shape: number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
});

/** What one key of 512x512 pixels takes, batch 1. */
const NETWORKS: readonly Network[] = [
  {
    name: 'unet',
    record: (model, storage) => recordUNet(requirePart(model, 'unet'), { ...PICTURE, tokens: 'tokens' }, { storage }),
    feeds: { sample: zeros(1, 4, 64, 64), timestep: zeros(1), context: zeros(1, 77, 768) },
  },
  {
    name: 'vae decode',
    record: (model, storage) => recordVaeDecoder(requirePart(model, 'vae'), PICTURE, { storage }),
    feeds: { latents: zeros(1, 4, 64, 64) },
  },
  {
    name: 'vae encode',
    record: (model, storage) => recordVaeEncoder(requirePart(model, 'vae'), PICTURE, { storage }),
    feeds: { image: zeros(1, 3, 512, 512) },
  },
  {
    name: 'text encode',
    record: (model, storage) =>
      recordTextEncoder(
        requirePart(model, 'textEncoder'),
        { batch: 'batch' },
        { storage, fromEnd: 0, finalNorm: true, pooled: false },
      ),
    feeds: { ids: { dtype: 'int64', shape: [1, 77], data: new BigInt64Array(77) } },
  },
];

/** One run of a loaded network, its weights mapped or folded. */
const run = ({ name, record, feeds }: Network): BenchCase => ({
  name: `sd15 512x512 ${name}`,
  amount: 1,
  unit: 'run',
  iterations: 2,
  open: async () => {
    const { file, remove } = await emptyCheckpoint('sd15');
    const model = await openModel(file);
    const mapped = await openSession(record(model, 'mapped'));
    const folded = await openSession(record(model, 'folded'));
    return {
      variants: {
        mapped: async () => void (await mapped.run(feeds)),
        folded: async () => void (await folded.run(feeds)),
      },
      close: async () => {
        await Promise.all([mapped.release(), folded.release()]);
        await remove();
      },
    };
  },
});

/** From the file to a network that can run. */
const load = ({ name, record }: Network): BenchCase => ({
  name: `sd15 load ${name}`,
  amount: 1,
  unit: 'load',
  iterations: 2,
  open: async () => {
    const { file, remove } = await emptyCheckpoint('sd15');
    const once = async (storage: Storage): Promise<void> => {
      const session = await openSession(record(await openModel(file), storage));
      await session.release();
    };
    return { variants: { mapped: () => once('mapped'), folded: () => once('folded') }, close: remove };
  },
});

export const cases: readonly BenchCase[] = [...NETWORKS.map(run), ...NETWORKS.map(load)];
