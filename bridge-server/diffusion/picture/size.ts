export type Size = { readonly width: number; readonly height: number };

/** The VAE works on blocks of this many pixels; the UNet takes any number of them. */
export const GRID = 8;

/**
 * The size that a frame is worked at: its shape, on the network's grid, of `area` pixels or just above (networks draw doubles when
 * they see more than they were trained on, and mush when they see less).
 */
export function workingSize(frame: Size, area: number): Size {
  const scale = Math.sqrt(area / (frame.width * frame.height));
  const fit = (length: number) => Math.max(Math.ceil((length * scale) / GRID - 1e-9), 1) * GRID;
  return { width: fit(frame.width), height: fit(frame.height) };
}
