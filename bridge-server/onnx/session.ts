import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { Failure } from '../errors.ts';
import type { Recording } from './model.ts';

/** A tensor outside a graph: plain data. `shape` in row-major order. */
export type Tensor =
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'int64'; readonly shape: readonly number[]; readonly data: BigInt64Array };

export type Tensors = Readonly<Record<string, Tensor>>;

export type Provider = 'cpu' | 'cuda' | 'dml' | 'coreml' | 'webgpu';

export type SessionOptions = {
  /** CPU threads; null: one for each core. */
  readonly threads?: number | null;
  /** In the order in which they are tried for each node. */
  readonly providers?: readonly Provider[];
};

/** A model that is loaded. `run` and opening block the thread for as long as they take. */
export type Session = {
  readonly run: (feeds: Tensors) => Promise<Record<string, Tensor>>;
  readonly release: () => Promise<void>;
};

/** Loads a recorded graph. Failure: graph-refused. */
export async function openSession(recording: Recording, options: SessionOptions = {}): Promise<Session> {
  const { threads = null, providers = ['cpu'] } = options;
  const session = await refusing(() =>
    InferenceSession.create(recording.bytes, {
      executionProviders: [...providers],
      // The arena gives memory from one node to the next without the system, which would clear it anew each time. Patterns lay a
      // whole run's memory out in advance: no faster, and near twice as much.
      enableCpuMemArena: true,
      enableMemPattern: false,
      ...(threads === null ? {} : { intraOpNumThreads: threads }),
      graphOptimizationLevel: 'all',
      // 3 is errors: warnings about unused initializers and the like would reach the user's terminal.
      logSeverityLevel: 3,
      extra: {
        session: { model_external_initializers_file_folder_path: recording.root },
        ...(recording.distinct
          ? { optimization: { disable_specified_optimizers: 'CommonSubexpressionElimination' } }
          : {}),
      },
    }),
  );
  const names = recording.outputs.map(({ name }) => name);
  return {
    async run(feeds) {
      const results = await refusing(() => session.run(runtimeTensors(feeds), names));
      return Object.fromEntries(names.map((name) => [name, plain(results[name] as RuntimeTensor)]));
    },
    release: () => session.release(),
  };
}

/** Loads, runs once and releases. */
export async function runGraph(
  recording: Recording,
  feeds: Tensors,
  options?: SessionOptions,
): Promise<Record<string, Tensor>> {
  const session = await openSession(recording, options);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

function runtimeTensors(tensors: Tensors): Record<string, RuntimeTensor> {
  const result: Record<string, RuntimeTensor> = {};
  for (const [name, { dtype, data, shape }] of Object.entries(tensors)) {
    result[name] = new RuntimeTensor(dtype, data, shape);
  }
  return result;
}

function plain({ type, dims, data }: RuntimeTensor): Tensor {
  if (type === 'float32') return { dtype: type, shape: dims, data: data as Float32Array };
  if (type === 'int64') return { dtype: type, shape: dims, data: data as BigInt64Array };
  throw new RangeError(`an output of type ${type}`);
}

async function refusing<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure('graph-refused', { reason: reason.split('\n')[0] ?? reason }, error);
  }
}
