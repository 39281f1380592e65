import { existsSync } from 'node:fs';
import { Gpu } from '../../../bridge-server/propagate/gpu/gpu.ts';
import { never } from '../run.ts';

/** The Vulkan in software that comes with Chromium. */
const CHROMIUM = '/usr/lib/chromium';
const driver = `${CHROMIUM}/vk_swiftshader_icd.json`;

/** Whether there is a Vulkan, be it in software: WGSL runs as on a graphics card. */
export const hasVulkan = existsSync(driver);
if (!hasVulkan) console.warn(`NOT TESTED: the kernels of the graphics card, for want of ${driver}.`);

// Not for the tests themselves but for the process that they start.
process.env['VK_DRIVER_FILES'] = driver;
process.env['LD_LIBRARY_PATH'] = CHROMIUM;

export const openSoftware = (): Promise<Gpu> => Gpu.open({ software: true }, never);
