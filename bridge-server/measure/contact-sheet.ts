import sharp, { type OverlayOptions } from 'sharp';
import { encodeJpeg } from '../media/image.ts';
import type { Frame } from '../media/frame.ts';
import { lettering } from './lettering.ts';

export type SheetCell = {
  readonly frame: Frame;
  readonly caption: string;
  /** Stands out: a key frame. */ readonly marked?: boolean;
} | null;
export type SheetRow = { readonly label: string; readonly cells: readonly SheetCell[] };

const GAP = 8;
const MARGIN = 20;
const LABEL = 24;
const CAPTION = 18;
const BACKGROUND = '#14161b';
const TEXT = '#c9ced6';
const MARK = '#f2a65a';

/**
 * Rows of small pictures to compare by eye, as a PNG: columns lie one under the other; an empty cell stays dark. Each cell is
 * `cellWidth` pixels wide. `colours`: at most so many, for a smaller file; null for all.
 */
export async function contactSheet(
  title: string,
  rows: readonly SheetRow[],
  { cellWidth, colours = null }: { cellWidth: number; colours?: number | null },
): Promise<Buffer> {
  const any = rows.flatMap(({ cells }) => cells).find((cell) => cell !== null);
  if (!any) throw new RangeError('a contact sheet without pictures');
  const cellHeight = Math.max(1, Math.round((cellWidth * any.frame.height) / any.frame.width));
  const columns = Math.max(...rows.map(({ cells }) => cells.length));
  const width = 2 * MARGIN + columns * cellWidth + (columns - 1) * GAP;
  const rowHeight = LABEL + cellHeight + CAPTION + GAP;
  const height = 2 * MARGIN + LABEL + rows.length * rowHeight;

  const words = [lettering(title, MARGIN, MARGIN + 14, { size: 14, colour: TEXT })];
  const pictures: OverlayOptions[] = [];
  for (const [r, { label, cells }] of rows.entries()) {
    const top = MARGIN + LABEL + r * rowHeight;
    words.push(lettering(label, MARGIN, top + LABEL - 8, { size: 9, colour: TEXT }));
    for (const [c, cell] of cells.entries()) {
      const left = MARGIN + c * (cellWidth + GAP);
      if (!cell) {
        words.push(`<rect x="${left}" y="${top + LABEL}" width="${cellWidth}" height="${cellHeight}" fill="#1c1f26"/>`);
        continue;
      }
      const small = sharp(await encodeJpeg(cell.frame, { width: null })).resize(cellWidth, cellHeight, { fit: 'fill' });
      pictures.push({ input: await small.png().toBuffer(), left, top: top + LABEL });
      const colour = cell.marked ? MARK : TEXT;
      words.push(lettering(cell.caption, left, top + LABEL + cellHeight + 13, { size: 8, colour }));
      if (cell.marked) {
        words.push(
          `<rect x="${left - 2}" y="${top + LABEL - 2}" width="${cellWidth + 4}" height="${cellHeight + 4}" fill="${MARK}"/>`,
        );
      }
    }
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="${width}" height="${height}" fill="${BACKGROUND}"/>${words.join('')}</svg>`;
  const flattened = await sharp(Buffer.from(svg)).composite(pictures).removeAlpha().png().toBuffer();
  return colours === null ? flattened : sharp(flattened).png({ palette: true, colours, effort: 10 }).toBuffer();
}
