import { readFile } from 'node:fs/promises';
import { create } from 'webgpu';
import type { Card } from './messages.ts';
import { MODULES, passesOf, type Module, type Pass } from './passes.ts';

/** Bytes that a pass's arguments take in the buffer of arguments, at the least that offsets may be apart. */
const ARGUMENTS_APART = 256;
const ARGUMENTS_BYTES = 128;
/** Passes that are handed to the card together: few hand-overs, and none that a display's watchdog would take for a hang. */
const TOGETHER = 64;

/** Buffers to read from that are kept: as many as are read from at once. */
const LANDINGS = 6;

const ENTRY = /@compute\b[^{]*?\bfn (\w+)\(/g;

/** Why an adapter is not used. */
export class NoCard extends Error {
  override readonly name = 'NoCard';
}

/** The graphics card by WebGPU: one memory, and passes over it. Lives in a process of its own (child.ts). */
export class GraphicsCard {
  readonly card: Card;
  readonly #device: GPUDevice;
  readonly #layout: GPUBindGroupLayout;
  readonly #sources: ReadonlyMap<Module, string>;
  /** By entry point; empty until the first kernel is run. */
  readonly #coming = new Map<string, Promise<GPUComputePipeline>>();
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #arguments: GPUBuffer;
  readonly #argumentWords = new Uint32Array((TOGETHER * ARGUMENTS_APART) / 4);
  /** Buffers that nobody reads from at the moment, the one that was used last at the end. */
  readonly #landings: GPUBuffer[] = [];
  #memory: GPUBuffer;
  #bindings: GPUBindGroup;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #recorded = 0;

  private constructor(card: Card, device: GPUDevice, sources: ReadonlyMap<Module, string>) {
    this.card = card;
    this.#device = device;
    this.#sources = sources;
    this.#layout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage' } },
        { binding: 1, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } },
      ],
    });
    const size = TOGETHER * ARGUMENTS_APART;
    this.#arguments = device.createBuffer({ size, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    this.#memory = this.#newMemory(ARGUMENTS_APART);
    this.#bindings = this.#bind();
  }

  /** Throws NoCard. `failed` is called with the reason, once, when the card cannot go on. */
  static async open(software: boolean, failed: (reason: string) => void): Promise<GraphicsCard> {
    // Let go of, what it made is pulled away from under the rest.
    const gpu = create([]);
    Object.assign(globalThis, { keptForever: gpu });
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) throw new NoCard('no driver offers a graphics card that can be computed on');
    const { vendor, architecture, device: model, description, isFallbackAdapter } = adapter.info;
    const name = [vendor, model].filter((part) => part !== '').join(' ');
    if (isFallbackAdapter && !software) throw new NoCard(`${name} only pretends to be a graphics card`);
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    // Drivers name limits such as 2**31 - 1; a memory is of whole words.
    const limit = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize, 0xfffffffc) / 4) * 4;
    const device = await adapter.requestDevice({
      requiredLimits: { maxBufferSize: limit, maxStorageBufferBindingSize: limit },
    });
    void device.lost.then(({ message }) => failed(message));
    device.addEventListener('uncapturederror', ({ error }) => failed(error.message));
    const identity = [vendor, architecture, model, description].join(' ');
    return new GraphicsCard({ name, identity, limit }, device, await sourcesOfModules());
  }

  /** Makes the memory at least this long; what is in it stays. */
  grow(bytes: number): void {
    if (bytes <= this.#memory.size) return;
    this.flush();
    const old = this.#memory;
    this.#memory = this.#newMemory(bytes);
    this.#bindings = this.#bind();
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(old, 0, this.#memory, 0, old.size);
    this.#device.queue.submit([encoder.finish()]);
    old.destroy();
  }

  async run(kernel: string, args: readonly number[]): Promise<void> {
    if (this.#coming.size === 0) this.#compile();
    for (const pass of passesOf(kernel, args)) {
      this.#record(pass, this.#pipelines.get(pass.entry) ?? (await this.#coming.get(pass.entry)!));
    }
  }

  /** `data` must begin at a multiple of 4; what its last word lacks is made up. */
  write(pointer: number, data: Uint8Array): void {
    this.flush();
    const whole = data.length & ~3;
    this.#device.queue.writeBuffer(this.#memory, pointer, data as Uint8Array<ArrayBuffer>, 0, whole);
    if (whole === data.length) return;
    const rest = new Uint8Array(4);
    rest.set(data.subarray(whole));
    this.#device.queue.writeBuffer(this.#memory, pointer + whole, rest);
  }

  /** Gives `use` what lies there once all that was asked before has run, for as long as it takes. Later passes do not wait for it. */
  async read(pointer: number, bytes: number, use: (there: Uint8Array) => Promise<void>): Promise<void> {
    this.flush();
    const size = (bytes + 3) & ~3;
    const landing = this.#landing(size);
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#memory, pointer, landing, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    await landing.mapAsync(GPUMapMode.READ, 0, size);
    await use(new Uint8Array(landing.getMappedRange(0, size), 0, bytes));
    landing.unmap();
    this.#landings.push(landing);
    if (this.#landings.length > LANDINGS) this.#landings.shift()!.destroy();
  }

  /** A buffer of at least this size that the processor can read. Making one takes longer than filling it. */
  #landing(size: number): GPUBuffer {
    const index = this.#landings.findIndex((known) => known.size >= size && known.size <= 2 * size + 4096);
    if (index >= 0) return this.#landings.splice(index, 1)[0]!;
    return this.#device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  }

  /** Hands over what was recorded. */
  flush(): void {
    if (!this.#encoder) return;
    this.#pass?.end();
    const words = (this.#recorded * ARGUMENTS_APART) / 4;
    this.#device.queue.writeBuffer(this.#arguments, 0, this.#argumentWords, 0, words);
    this.#device.queue.submit([this.#encoder.finish()]);
    this.#encoder = this.#pass = null;
    this.#recorded = 0;
  }

  #record({ groups, args }: Pass, pipeline: GPUComputePipeline): void {
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    const offset = this.#recorded++ * ARGUMENTS_APART;
    this.#argumentWords.set(args, offset / 4);
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, this.#bindings, [offset]);
    this.#pass.dispatchWorkgroups(...groups);
    if (this.#recorded === TOGETHER) this.flush();
  }

  /** Has the driver compile all kernels, at once: one after the other, as they are wanted, the first frame would take seconds. */
  #compile(): void {
    const layout = this.#device.createPipelineLayout({ bindGroupLayouts: [this.#layout] });
    for (const [label, code] of this.#sources) {
      const module = this.#device.createShaderModule({ label, code });
      for (const [, entryPoint] of code.matchAll(ENTRY)) {
        const compute = { module, entryPoint: entryPoint! };
        const pipeline = this.#device.createComputePipelineAsync({ layout, compute });
        this.#coming.set(entryPoint!, pipeline);
        pipeline.then((made) => this.#pipelines.set(entryPoint!, made)).catch(() => undefined);
      }
    }
  }

  #newMemory(size: number): GPUBuffer {
    return this.#device.createBuffer({
      size,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
  }

  #bind(): GPUBindGroup {
    return this.#device.createBindGroup({
      layout: this.#layout,
      entries: [
        { binding: 0, resource: { buffer: this.#memory } },
        { binding: 1, resource: { buffer: this.#arguments, size: ARGUMENTS_BYTES } },
      ],
    });
  }
}

/** Modules see the memory and the sampling; one that has a memory of its own stands alone. */
async function sourcesOfModules(): Promise<Map<Module, string>> {
  const read = (name: string): Promise<string> => readFile(new URL(`./wgsl/${name}.wgsl`, import.meta.url), 'utf8');
  const shared = `${await read('memory')}\n${await read('sample')}`;
  const sources = new Map<Module, string>();
  for (const name of MODULES) sources.set(name, name === 'count' ? await read(name) : `${shared}\n${await read(name)}`);
  return sources;
}
