/** Keeps the results of the last few makings, so that windows that overlap share them. What failed is forgotten. */
export class Recent<T> {
  readonly #capacity: number;
  /** Least recently used first. */
  readonly #made = new Map<string, Promise<T>>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: string, make: () => Promise<T>): Promise<T> {
    const made = this.#made.get(key) ?? make();
    this.#made.delete(key);
    this.#made.set(key, made);
    made.catch(() => this.#made.delete(key));
    if (this.#made.size > this.#capacity) this.#made.delete(this.#made.keys().next().value!);
    return made;
  }
}
