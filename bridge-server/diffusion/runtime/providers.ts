import { readdirSync } from 'node:fs';
import { listSupportedBackends } from 'onnxruntime-node';
import type { Provider } from '../../onnx/session.ts';

/** The order in which providers are tried, best first; the last always works. */
const ORDER: readonly Provider[] = ['cuda', 'coreml', 'dml', 'webgpu', 'cpu'];

/** The providers that are tried on this machine, in their order. */
export function platformProviders(): Provider[] {
  return providersAmong(
    listSupportedBackends().map(({ name }) => name),
    machineHasGpu(),
  );
}

/** Whether it is worth asking for a graphics card here. */
export const machineHasGpu = (): boolean =>
  process.platform !== 'linux' || hasGraphicsDevice(filesIn('/dev'), filesIn('/dev/dri'));

/**
 * @param known what comes with this platform's runtime
 * @param hasGpu without one, WebGPU may still find an adapter: one that only pretends, on the CPU and many times slower than the CPU's
 *   own provider
 */
export const providersAmong = (known: readonly string[], hasGpu: boolean): Provider[] =>
  ORDER.filter((provider) => provider === 'cpu' || (known.includes(provider) && (hasGpu || provider !== 'webgpu')));

/** Whether Linux has a graphics card that programs may compute on: it is a file then, which software that pretends has not. */
export const hasGraphicsDevice = (devices: readonly string[], renderers: readonly string[]): boolean =>
  renderers.some((name) => /^renderD\d+$/.test(name)) || devices.some((name) => /^(nvidia\d+|dxg)$/.test(name));

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
