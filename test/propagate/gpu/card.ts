import { existsSync } from 'node:fs';
import { Gpu } from '../../../bridge-server/propagate/gpu/gpu.ts';
import { never } from '../run.ts';

/** The Vulkan in software that comes with Chromium: WGSL runs on it as on a graphics card. */
const CHROMIUM = '/usr/lib/chromium';
const driver = `${CHROMIUM}/vk_swiftshader_icd.json`;

/** What there is to say when these tests cannot run. */
export const reason = existsSync(driver) ? null : `there is no ${driver}`;

/** What a process must be told to find it. */
export const softwareVulkan = { VK_DRIVER_FILES: driver, LD_LIBRARY_PATH: CHROMIUM };

Object.assign(process.env, softwareVulkan);

export const openSoftware = (): Promise<Gpu> => Gpu.open({ software: true }, never);
