import { openRuntime } from '../diffusion/profile.ts';
import type { Runtime } from '../diffusion/runtime/runtime.ts';
import { Failure } from '../errors.ts';
import { Engine } from '../kernels/engine.ts';

/** How long it waits for the next question before it gives its memory back. */
const IDLE_MS = 60_000;

type Means = { readonly engine: Engine; readonly runtime: Runtime };

/**
 * One thread that computes what is asked beside the jobs, so that a job loses little by it: kernels with a memory of their own, and a
 * runtime for annotators. Started when first needed, ended when nobody asks any more.
 */
export class SideEngine {
  #means: Promise<Means> | null = null;
  #using = 0;
  #idle: NodeJS.Timeout | null = null;

  async use<T>(work: (means: Means) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    this.#using += 1;
    if (this.#idle) clearTimeout(this.#idle);
    const means = (this.#means ??= Engine.start(1).then((engine) => ({ engine, runtime: openRuntime('small') })));
    try {
      return await work(await means);
    } catch (error) {
      // A kernel that trapped has ended its team.
      if (!signal.aborted && !(error instanceof Failure)) await this.#end(means);
      throw error;
    } finally {
      this.#using -= 1;
      if (this.#using === 0) this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref();
    }
  }

  /** To be called when nothing is asked any more. */
  async close(): Promise<void> {
    if (this.#idle) clearTimeout(this.#idle);
    if (this.#means) await this.#end(this.#means);
  }

  async #end(means: Promise<Means>): Promise<void> {
    if (this.#means === means) this.#means = null;
    const { engine, runtime } = await means;
    runtime.close();
    await engine.close();
  }
}
