import { crop, type Planes } from './planes.ts';

/** How a picture is worked in tiles: their size where they come from and where they go (one is 8 times the other), and the part that neighbours share. */
export type Tiling = { readonly from: number; readonly to: number; readonly overlap: number };

/**
 * Runs a network tile by tile, so that its memory does not grow with the picture: overlapping square tiles, blended linearly into
 * the tile above and the tile to the left where they share pixels (as the tiled VAE of diffusers does).
 */
export async function tiled(
  picture: Planes,
  { from, to, overlap }: Tiling,
  run: (tile: Planes) => Promise<Planes>,
): Promise<Planes> {
  const stride = Math.trunc(from * (1 - overlap));
  const blend = Math.trunc(to * overlap);
  const kept = to - blend;
  let above: Planes[] = [];
  const rows: Planes[][] = [];
  for (let top = 0; top < picture.height; top += stride) {
    const row: Planes[] = [];
    for (let left = 0; left < picture.width; left += stride) {
      const width = Math.min(from, picture.width - left);
      const height = Math.min(from, picture.height - top);
      let tile = await run(crop(picture, left, top, width, height));
      const upper = above[row.length];
      if (upper) tile = blendFromAbove(upper, tile, blend);
      const before = row.at(-1);
      if (before) tile = blendFromLeft(before, tile, blend);
      row.push(tile);
    }
    rows.push(row.map((tile) => crop(tile, 0, 0, Math.min(kept, tile.width), Math.min(kept, tile.height))));
    above = row;
  }
  return assemble(rows);
}

function blendFromAbove(above: Planes, tile: Planes, extent: number): Planes {
  const rows = Math.min(above.height, tile.height, extent);
  const data = tile.data.slice();
  for (let c = 0; c < tile.channels; c++) {
    for (let y = 0; y < rows; y++) {
      const weight = y / rows;
      const source = (c * above.height + above.height - rows + y) * above.width;
      const target = (c * tile.height + y) * tile.width;
      for (let x = 0; x < tile.width; x++) {
        data[target + x] = above.data[source + x]! * (1 - weight) + tile.data[target + x]! * weight;
      }
    }
  }
  return { ...tile, data };
}

function blendFromLeft(before: Planes, tile: Planes, extent: number): Planes {
  const columns = Math.min(before.width, tile.width, extent);
  const data = tile.data.slice();
  for (let row = 0; row < tile.channels * tile.height; row++) {
    for (let x = 0; x < columns; x++) {
      const weight = x / columns;
      const source = before.data[row * before.width + before.width - columns + x]!;
      data[row * tile.width + x] = source * (1 - weight) + tile.data[row * tile.width + x]! * weight;
    }
  }
  return { ...tile, data };
}

/** Puts tiles, given row by row, side by side. */
function assemble(rows: readonly (readonly Planes[])[]): Planes {
  const width = rows[0]!.reduce((sum, tile) => sum + tile.width, 0);
  const height = rows.reduce((sum, row) => sum + row[0]!.height, 0);
  const { channels } = rows[0]![0]!;
  const data = new Float32Array(channels * width * height);
  let top = 0;
  for (const row of rows) {
    let left = 0;
    for (const tile of row) {
      for (let c = 0; c < channels; c++) {
        for (let y = 0; y < tile.height; y++) {
          const from = (c * tile.height + y) * tile.width;
          data.set(tile.data.subarray(from, from + tile.width), (c * height + top + y) * width + left);
        }
      }
      left += tile.width;
    }
    top += row[0]!.height;
  }
  return { channels, height, width, data };
}
