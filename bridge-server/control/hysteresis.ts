/**
 * Hysteresis: 1 for the 2s and for every 1 that is connected to one over eight neighbours, else 0.
 *
 * @param classes for each pixel: 2 a line by itself, 1 part of a line that something else must vouch for, 0 nothing
 */
export function connect(classes: Uint8Array, width: number, height: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(width * height);
  const open: number[] = [];
  for (let p = 0; p < classes.length; p++) {
    if (classes[p] === 2) {
      out[p] = 1;
      open.push(p);
    }
  }
  for (let p = open.pop(); p !== undefined; p = open.pop()) {
    const x = p % width;
    const left = x > 0 ? -1 : 0;
    const right = x < width - 1 ? 1 : 0;
    const top = p >= width ? -width : 0;
    const bottom = p < width * (height - 1) ? width : 0;
    for (let down = top; down <= bottom; down += width) {
      for (let q = p + down + left; q <= p + down + right; q++) {
        if (classes[q] === 1 && out[q] === 0) {
          out[q] = 1;
          open.push(q);
        }
      }
    }
  }
  return out;
}
