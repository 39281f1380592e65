import { type Frame } from '../media/frame.ts';
import type { Family } from '../weights/family.ts';
import { LATENT_CHANNELS } from './pass.ts';
import type { Size } from './picture/size.ts';

/** How much of red, green and blue (in [-1, 1]) each latent channel carries, and what they are at 0. */
type Projection = {
  readonly factors: readonly (readonly [number, number, number])[];
  readonly bias: readonly number[];
};

/** Linear fits that others published: SD 1 by keturn (discuss.huggingface.co/t/23204), SDXL by T. A. Vass ("the SDXL latent space"). */
const SD: Projection = {
  factors: [
    [0.298, 0.207, 0.208],
    [0.187, 0.286, 0.173],
    [-0.158, 0.189, 0.264],
    [-0.184, -0.271, -0.473],
  ],
  bias: [0, 0, 0],
};
const SDXL: Projection = {
  factors: [
    [60, 60, 60],
    [-60, -5, 10],
    [25, 15, -5],
    [-70, -50, -35],
  ].map((row) => row.map((value) => value / 127.5) as [number, number, number]),
  bias: [150, 140, 130].map((value) => value / 127.5 - 1),
};

/** A small picture of a latent, a pixel for each cell: rough, but at once. */
export function latentPreview(clean: Float32Array, cells: Size, family: Family | null): Frame {
  const { factors, bias } = family === 'sdxl' || family === 'sdxl-refiner' ? SDXL : SD;
  const area = cells.width * cells.height;
  const data = new Uint16Array(area * 3);
  for (let p = 0; p < area; p++) {
    for (let c = 0; c < 3; c++) {
      let value = bias[c]!;
      for (let k = 0; k < LATENT_CHANNELS; k++) value += factors[k]![c]! * clean[k * area + p]!;
      data[p * 3 + c] = Math.min(Math.max(Math.round((value + 1) * 32767.5), 0), 65535);
    }
  }
  return { ...cells, channels: 3, data };
}
