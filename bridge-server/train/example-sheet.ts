import { frameOf } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import { contactSheet } from '../measure/contact-sheet.ts';
import type { ChosenFrames } from './shot.ts';

const COLUMNS = 6;

/** All that is trained on, as it is trained on, to look at: a PNG. */
export function exampleSheet(pictures: ChosenFrames['pictures'], { width, height }: Size): Promise<Buffer> {
  const isOneClip = pictures.every(({ clip }) => clip === pictures[0]!.clip);
  const cells = pictures.map(({ clip, frame, picture }) => ({
    frame: frameOf(picture),
    caption: isOneClip ? `frame ${frame}` : `clip ${clip + 1}, frame ${frame}`,
  }));
  const rows = Array.from({ length: Math.ceil(cells.length / COLUMNS) }, (_, i) => ({
    label: '',
    cells: cells.slice(i * COLUMNS, (i + 1) * COLUMNS),
  }));
  return contactSheet(`${cells.length} examples of ${width}x${height}`, rows, { cellWidth: 180 });
}
