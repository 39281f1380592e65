/** Under these names users know them. */
export const SCHEDULERS = [
  'ddim',
  'pndm',
  'lms',
  'euler',
  'euler_a',
  'heun',
  'dpmpp_2m',
  'dpmpp_2m_sde',
  'unipc',
  'lcm',
  'ddpm',
] as const;
export type SchedulerKind = (typeof SCHEDULERS)[number];
