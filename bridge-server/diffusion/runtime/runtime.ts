import { createHash } from 'node:crypto';
import { Failure } from '../../errors.ts';
import type { Recording } from '../../onnx/model.ts';
import type { Provider, Tensors } from '../../onnx/session.ts';
import { Crash, Refusal, SideProcess } from '../../side-process.ts';
import type { Ask, Placement } from './messages.ts';

/** A network as the runtime knows it: its graph, and what it takes in memory while it is loaded. */
export type NetworkSource = {
  /** For messages: "UNet". */
  readonly name: string;
  /** Estimated bytes of weights while loaded. */
  readonly bytes: number;
  readonly recording: Recording;
};

export type Network = {
  /** Loads the network when it is not loaded, and runs it. Failures: graph-refused, runtime-crashed. */
  run(feeds: Tensors, signal: AbortSignal): Promise<Tensors>;
};

export type RuntimeOptions = {
  /** Networks are unloaded, the longest unused first, so that those loaded stay below this; one is always allowed. */
  readonly budgetBytes: number;
  /** In the order in which they are tried. */
  readonly providers: readonly Provider[];
  /** CPU threads; null: one for each core. */
  readonly threads: number | null;
};

type Entry = { readonly id: number; readonly source: NetworkSource; placement: Placement | null };

/**
 * Runs networks in a child process that is started when first needed, keeps them loaded within a budget, and outlives the child: a
 * crash costs one call, which is made once more in a new process. A GPU provider that fails is not tried again.
 */
export class Runtime {
  readonly #options: RuntimeOptions;
  /** By content: two that have the same graph over the same file are one. */
  readonly #entries = new Map<string, Entry>();
  /** Loaded networks, the longest unused first. */
  readonly #loaded = new Set<Entry>();
  /** Providers that failed while they ran something, and how. */
  readonly #failed = new Map<Provider, string>();
  #process: SideProcess<Ask> | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: RuntimeOptions) {
    this.#options = options;
  }

  network(source: NetworkSource): Network {
    const { bytes, storage } = source.recording;
    const key = `${storage} ${createHash('sha256').update(bytes).digest('hex')}`;
    const entry = this.#entries.get(key) ?? { id: this.#entries.size, source, placement: null };
    this.#entries.set(key, entry);
    return { run: (feeds, signal) => this.#inTurn(() => this.#run(entry, feeds, signal)) };
  }

  /** Where each network runs that has been loaded so far, and why not elsewhere. */
  placements(): { name: string; placement: Placement }[] {
    return [...this.#entries.values()].flatMap(({ source, placement }) =>
      placement ? [{ name: source.name, placement }] : [],
    );
  }

  /** The names of the networks that are loaded now, the longest unused first. */
  loaded(): string[] {
    return this.#process?.ended ? [] : [...this.#loaded].map(({ source }) => source.name);
  }

  /** Memory that loaded networks hold and would give back for others; mapped weights are the system's to take. */
  get heldBytes(): number {
    if (this.#process?.ended !== false) return 0;
    const folded = [...this.#loaded].filter(({ source }) => source.recording.storage === 'folded');
    return folded.reduce((sum, { source }) => sum + source.bytes, 0);
  }

  /** The child process, for measuring it; null while there is none. */
  get pid(): number | null {
    return this.#process?.ended === false ? this.#process.pid : null;
  }

  /** Ends the child process; the runtime can be used again afterwards and starts a new one. */
  close(): void {
    this.#process?.close();
    this.#forget();
  }

  /** One call at a time: the child works on one thing anyway, and what is loaded must not change under a call. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(act);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #run(entry: Entry, feeds: Tensors, signal: AbortSignal): Promise<Tensors> {
    let crashes = 0;
    for (;;) {
      try {
        await this.#load(entry, signal);
        return (await this.#ask({ act: 'run', network: entry.id, feeds }, signal)) as Tensors;
      } catch (error) {
        if (signal.aborted || !(error instanceof Crash || error instanceof Refusal)) throw error;
        if (this.#giveUpProvider(entry, error)) continue;
        if (error instanceof Refusal) throw new Failure('graph-refused', { reason: error.message }, error);
        if (++crashes > 1)
          throw new Failure('runtime-crashed', { network: entry.source.name, how: error.message }, error);
      }
    }
  }

  /** After a failure elsewhere than on the CPU: that provider is left out from now on. */
  #giveUpProvider(entry: Entry, error: Error): boolean {
    if (entry.placement === null && error instanceof Refusal) return false; // every provider was asked
    const provider = entry.placement?.provider ?? this.#providers()[0]!;
    if (provider === 'cpu') return false;
    this.#failed.set(provider, error.message);
    this.#process?.kill();
    return true;
  }

  #providers(): Provider[] {
    return this.#options.providers.filter((provider) => !this.#failed.has(provider));
  }

  async #load(entry: Entry, signal: AbortSignal): Promise<void> {
    if (this.#process?.ended) this.#forget();
    if (this.#loaded.delete(entry)) {
      this.#loaded.add(entry);
      return;
    }
    await this.#makeRoom(entry.source.bytes, signal);
    entry.placement = null;
    const placement = (await this.#ask(
      {
        act: 'open',
        network: entry.id,
        recording: entry.source.recording,
        providers: this.#providers(),
        threads: this.#options.threads,
      },
      signal,
    )) as Placement;
    const failed = [...this.#failed].map(([provider, reason]) => ({ provider, reason }));
    entry.placement = { ...placement, passedOver: [...failed, ...placement.passedOver] };
    this.#loaded.add(entry);
  }

  async #makeRoom(bytes: number, signal: AbortSignal): Promise<void> {
    let used = bytes;
    for (const { source } of this.#loaded) used += source.bytes;
    for (const entry of [...this.#loaded]) {
      if (used <= this.#options.budgetBytes) return;
      this.#loaded.delete(entry);
      used -= entry.source.bytes;
      await this.#ask({ act: 'release', network: entry.id }, signal);
    }
  }

  #ask(request: Parameters<SideProcess<Ask>['ask']>[0], signal: AbortSignal): Promise<unknown> {
    this.#process ??= new SideProcess(new URL('./child.ts', import.meta.url));
    return this.#process.ask(request, signal);
  }

  #forget(): void {
    this.#process = null;
    this.#loaded.clear();
  }
}
