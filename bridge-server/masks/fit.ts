import type { Size } from '../diffusion/picture/size.ts';
import type { Mask } from './mask.ts';

/**
 * A mask at another size; the outer edges of both coincide. Each new pixel looks at the old ones that it lies over, in part or
 * whole: `most` is the largest of them, so that nothing of the mask is lost and nothing is added beyond a pixel's own area;
 * `mean` is their mean by area.
 */
export function fit(mask: Mask, { width, height }: Size, how: 'most' | 'mean'): Mask {
  if (mask.width === width && mask.height === height) return mask;
  const columns = spans(mask.width, width);
  const rows = spans(mask.height, height);
  const data = new Float32Array(width * height);
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      let [most, sum, area] = [0, 0, 0];
      for (let j = row.first; j <= row.last; j++) {
        const part = covered(row, j);
        for (let i = column.first; i <= column.last; i++) {
          const value = mask.data[j * mask.width + i]!;
          const weight = part * covered(column, i);
          most = Math.max(most, value);
          sum += weight * value;
          area += weight;
        }
      }
      data[y * width + x] = how === 'most' ? most : sum / area;
    }
  }
  return { channels: 1, width, height, data };
}

/** The old pixels under a new one, and where it begins and ends among them. */
type Span = { readonly first: number; readonly last: number; readonly from: number; readonly to: number };

function spans(old: number, count: number): Span[] {
  return Array.from({ length: count }, (_, i) => {
    // Products before quotients: what falls on a pixel's edge does so exactly.
    const [from, to] = [(i * old) / count, ((i + 1) * old) / count];
    return { from, to, first: Math.floor(from), last: Math.ceil(to) - 1 };
  });
}

const covered = ({ from, to }: Span, i: number): number => Math.min(to, i + 1) - Math.max(from, i);
