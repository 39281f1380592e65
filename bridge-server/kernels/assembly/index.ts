// The table of contents of kernels.wasm: what engine.run can name.
export { join } from './team';
