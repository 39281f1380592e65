import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../errors.ts';
import { keepState, keptIdentity, keptLosses, keptState } from './checkpoint.ts';
import type { Parameters } from './graph.ts';
import { startOf, type TrainState } from './lora.ts';

/** How often the state is kept, whichever comes first. */
const KEEP = { steps: 20, milliseconds: 60_000 };

/** The state of a training on the disk: whose it is, and when it is kept. */
export class KeptState {
  readonly path: string;
  readonly #identity: string;
  #parameters: Parameters = new Map();
  #step = 0;
  #at = performance.now();

  constructor(path: string, identity: string) {
    this.path = path;
    this.#identity = identity;
  }

  /** What another training left here is refused, or where nobody else's can lie, dropped. Failure: train-other. */
  async meetOther(isOwn: boolean): Promise<void> {
    const identity = await keptIdentity(this.path);
    if (identity === null || identity === this.#identity) return;
    if (!isOwn) throw new Failure('train-other', { path: dirname(this.path) });
    await rm(this.path, { force: true });
  }

  /** Of all steps so far. */
  async losses(): Promise<number[]> {
    return await keptLosses(this.path);
  }

  /** Where the training was left, or the beginning. */
  async open(parameters: Parameters, seed: number): Promise<TrainState> {
    this.#parameters = parameters;
    const state = (await keptState(this.path, parameters)) ?? startOf(parameters, seed);
    this.#step = state.step;
    return state;
  }

  /** Keeps the state when it is time, or at once; says whether it did. */
  async keep(state: TrainState, now = false): Promise<boolean> {
    const isTime = state.step - this.#step >= KEEP.steps || performance.now() - this.#at >= KEEP.milliseconds;
    if (state.step === this.#step || !(now || isTime)) return false;
    await keepState(this.path, state, this.#parameters, this.#identity);
    this.#step = state.step;
    this.#at = performance.now();
    return true;
  }
}
