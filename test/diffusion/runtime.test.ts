import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type Network, Runtime, type RuntimeOptions } from '../../bridge-server/diffusion/runtime/runtime.ts';
import {
  hasGraphicsDevice,
  platformProviders,
  providersAmong,
} from '../../bridge-server/diffusion/runtime/providers.ts';
import { recordTaesdDecoder } from '../../bridge-server/networks/taesd.ts';
import { openModel, requirePart } from '../../bridge-server/weights/model.ts';
import type { Tensors } from '../../bridge-server/onnx/session.ts';
import { noise } from '../networks/model.ts';

const { signal } = new AbortController();
const taesd = requirePart(await openModel(path.join(import.meta.dirname, '..', 'goldens', 'taesd')), 'taesd');
const runtimes: Runtime[] = [];
afterEach(() => {
  for (const runtime of runtimes.splice(0)) runtime.close();
});

function open(options: Partial<RuntimeOptions> = {}): Runtime {
  const runtime = new Runtime({ budgetBytes: Infinity, providers: ['cpu'], threads: 1, ...options });
  runtimes.push(runtime);
  return runtime;
}

/** Networks of several names differ in the name of a size: they are several for the runtime. */
const network = (runtime: Runtime, name = 'decoder', bytes = 1): Network =>
  runtime.network({
    name,
    bytes,
    recording: recordTaesdDecoder(taesd, { batch: 'batch', height: name, width: 'width' }, { storage: 'mapped' }),
  });

const feeds = (): Tensors => ({ latents: noise([1, 4, 8, 8]) });

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await wait(20);
  }
}

describe('a network in the child process', () => {
  it('answers calls in order, also when they are made at once', async () => {
    const runtime = open();
    const [a, b] = [network(runtime), network(runtime, 'other')];
    const results = await Promise.all([a.run(feeds(), signal), b.run(feeds(), signal), a.run(feeds(), signal)]);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    expect(runtime.pid).not.toBe(process.pid);
  });

  it('costs one call when the process is killed, and goes on in a new one', async () => {
    const runtime = open();
    const one = network(runtime);
    const before = await one.run(feeds(), signal);
    const first = runtime.pid!;
    const running = one.run(feeds(), signal);
    process.kill(first, 'SIGKILL');
    expect(await running).toEqual(before);
    expect(runtime.pid).not.toBe(first);
  });

  it('fails in plain words when the process ends twice in one call', async () => {
    const runtime = open();
    const one = network(runtime);
    await one.run(feeds(), signal);
    const running = one.run(feeds(), signal);
    process.kill(runtime.pid!, 'SIGKILL');
    const killer = setInterval(() => runtime.pid !== null && process.kill(runtime.pid, 'SIGKILL'), 5);
    await expect(running).rejects.toMatchObject({ code: 'runtime-crashed', facts: { network: 'decoder' } });
    clearInterval(killer);
    // And afterwards it works again.
    await expect(one.run(feeds(), signal)).resolves.toBeDefined();
  });

  it('is killed when it does not heed a cancellation; the next call works', async () => {
    const runtime = open();
    const one = network(runtime);
    await one.run(feeds(), signal);
    const pid = runtime.pid!;
    const stop = new AbortController();
    process.kill(pid, 'SIGSTOP'); // as busy as it gets
    const running = one.run(feeds(), stop.signal);
    await wait(50);
    stop.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    await gone(pid);
    await expect(one.run(feeds(), signal)).resolves.toBeDefined();
  });

  it('is refused in the words of the runtime', async () => {
    await expect(network(open()).run({}, signal)).rejects.toMatchObject({ code: 'graph-refused' });
  });
});

describe('loaded networks', () => {
  it('stay below the budget: the longest unused goes first', async () => {
    const runtime = open({ budgetBytes: 25 });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => network(runtime, name, 10));
    await a!.run(feeds(), signal);
    await b!.run(feeds(), signal);
    expect(runtime.loaded()).toEqual(['a', 'b']);
    await a!.run(feeds(), signal);
    await c!.run(feeds(), signal);
    expect(runtime.loaded()).toEqual(['a', 'c']);
    await network(runtime, 'huge', 1000).run(feeds(), signal);
    expect(runtime.loaded()).toEqual(['huge']);
  });

  it('are gone with the process, which ends with the runtime', async () => {
    const runtime = open();
    await network(runtime).run(feeds(), signal);
    const pid = runtime.pid!;
    runtime.close();
    await gone(pid);
    expect(runtime.loaded()).toEqual([]);
  });
});

describe('providers', () => {
  it('that cannot be had are passed over, and it is said why; the CPU always works', async () => {
    const runtime = open({ providers: ['cuda', 'coreml', 'dml', 'cpu'] });
    await network(runtime).run(feeds(), signal);
    const { placement } = runtime.placements()[0]!;
    if (placement.provider === 'cpu') {
      expect(placement.passedOver).toHaveLength(3);
      expect(placement.passedOver).toContainEqual({ provider: 'coreml', reason: expect.stringMatching(/./) as string });
    }
    expect(platformProviders().at(-1)).toBe('cpu');
  });

  it('leave WebGPU out where only software would pretend to be a graphics card', () => {
    expect(providersAmong(['cpu', 'webgpu'], true)).toEqual(['webgpu', 'cpu']);
    expect(providersAmong(['cpu', 'webgpu', 'cuda'], false)).toEqual(['cuda', 'cpu']);
    expect(hasGraphicsDevice(['null', 'tty'], [])).toBe(false);
    expect(hasGraphicsDevice(['null'], ['card0'])).toBe(false); // shows pictures, computes nothing
    expect(hasGraphicsDevice(['null'], ['by-path', 'card0', 'renderD128'])).toBe(true);
    expect(hasGraphicsDevice(['nvidia0', 'nvidiactl'], [])).toBe(true);
    expect(hasGraphicsDevice(['nvidiactl', 'nvidia-modeset'], [])).toBe(false); // a driver without its card
    expect(hasGraphicsDevice(['dxg'], [])).toBe(true); // Windows' own Linux
  });
});
