import { listSupportedBackends } from 'onnxruntime-node';
import type { Provider } from '../../onnx/session.ts';

/** The order in which providers are tried, best first; the last always works. */
const ORDER: readonly Provider[] = ['cuda', 'coreml', 'dml', 'webgpu', 'cpu'];

/** The providers that come with this platform's runtime, in the order in which they are tried. */
export function platformProviders(): Provider[] {
  const known = new Set(listSupportedBackends().map(({ name }) => name));
  return ORDER.filter((provider) => provider === 'cpu' || known.has(provider));
}
