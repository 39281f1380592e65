import type { Device } from './device.ts';
import type { Block } from './heap.ts';

type Shelved = {
  readonly block: Block;
  /** A number that goes with it. */
  readonly mark: number;
};

/**
 * What was made on a device and will be wanted there again, so that it need not be sent or made anew: as much as there is room for, first
 * come. A thing is known by what it belongs to and by a name.
 */
export class Shelf {
  readonly #device: Pick<Device, 'alloc' | 'free' | 'run'>;
  readonly #things = new Map<object, Map<string, Shelved>>();
  #room: number;

  /** `room`: bytes that it may hold. */
  constructor(device: Pick<Device, 'alloc' | 'free' | 'run'>, room: number) {
    this.#device = device;
    this.#room = room;
  }

  find(owner: object, name: string): Shelved | undefined {
    return this.#things.get(owner)?.get(name);
  }

  /** Keeps a copy of the `bytes` bytes from the address `from` on, rounded up to words, while there is room. */
  async put(owner: object, name: string, from: number, bytes: number, mark = 0): Promise<void> {
    if (bytes > this.#room || this.find(owner, name)) return;
    const block = this.#device.alloc(bytes);
    this.#room -= block.bytes;
    const things = this.#things.get(owner) ?? new Map<string, Shelved>();
    this.#things.set(owner, things.set(name, { block, mark }));
    await this.#device.run('copyWords', from, block.pointer, (bytes + 3) >> 2);
  }

  /** Lets go of everything. */
  clear(): void {
    const blocks = [...this.#things.values()].flatMap((things) => [...things.values()].map(({ block }) => block));
    this.#device.free(...blocks);
    this.#things.clear();
    this.#room += blocks.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
