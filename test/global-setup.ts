import { buildKernels } from '../bridge-server/kernels/build.ts';

export default async function setup(): Promise<void> {
  await buildKernels();
}
