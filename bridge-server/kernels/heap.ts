const ALIGNMENT = 64;

/** A piece of a device's memory. `pointer` is what kernels take. Valid until freed. */
export type Block = { readonly pointer: number; readonly bytes: number };

/** Gives out pieces of a memory that grows at its end. */
export class Heap {
  readonly #bottom: number;
  readonly #growTo: (bytes: number) => void;
  #free: Block[] = [];
  #top: number;

  /** Memory below `bottom` is left alone. `growTo` makes the memory at least that long, or throws. */
  constructor(bottom: number, growTo: (bytes: number) => void) {
    this.#bottom = this.#top = bottom;
    this.#growTo = growTo;
  }

  /** Memory is not cleared. Throws what `growTo` throws when there is no more. */
  alloc(bytes: number): Block {
    const size = Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
    const index = this.#free.findIndex((block) => block.bytes >= size);
    const hole = this.#free[index];
    if (hole) {
      if (hole.bytes === size) this.#free.splice(index, 1);
      else this.#free[index] = { pointer: hole.pointer + size, bytes: hole.bytes - size };
      return { pointer: hole.pointer, bytes: size };
    }
    const pointer = this.#top;
    this.#growTo(pointer + size);
    this.#top = pointer + size;
    return { pointer, bytes: size };
  }

  free(...blocks: readonly Block[]): void {
    const all = [...this.#free, ...blocks].sort((a, b) => a.pointer - b.pointer);
    const merged: Block[] = [];
    for (const block of all) {
      const before = merged.at(-1);
      if (before && before.pointer + before.bytes > block.pointer) throw new RangeError('a block was freed twice');
      if (before && before.pointer + before.bytes === block.pointer) {
        merged[merged.length - 1] = { pointer: before.pointer, bytes: before.bytes + block.bytes };
      } else merged.push(block);
    }
    const end = merged.at(-1);
    if (end && end.pointer + end.bytes === this.#top) {
      this.#top = end.pointer;
      merged.pop();
    }
    this.#free = merged;
  }

  /** Bytes in use: 0 when everything was freed. */
  get bytesInUse(): number {
    return this.#top - this.#bottom - this.#free.reduce((sum, block) => sum + block.bytes, 0);
  }
}
