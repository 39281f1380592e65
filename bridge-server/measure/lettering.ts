/**
 * Letters as strokes, on a grid 4 wide and 6 high from the top left, so that pictures with words need no font on the machine.
 * Strokes are separated by `|`, points by spaces.
 */
const STROKES: Readonly<Record<string, string>> = {
  A: '0,6 0,2 2,0 4,2 4,6|0,4 4,4',
  B: '0,0 3,0 4,1 4,2 3,3 0,3|3,3 4,4 4,5 3,6 0,6 0,0',
  C: '4,1 3,0 1,0 0,1 0,5 1,6 3,6 4,5',
  D: '0,0 2,0 4,2 4,4 2,6 0,6 0,0',
  E: '4,0 0,0 0,6 4,6|0,3 3,3',
  F: '4,0 0,0 0,6|0,3 3,3',
  G: '4,1 3,0 1,0 0,1 0,5 1,6 3,6 4,5 4,3 2.4,3',
  H: '0,0 0,6|4,0 4,6|0,3 4,3',
  I: '1,0 3,0|2,0 2,6|1,6 3,6',
  J: '4,0 4,5 3,6 1,6 0,5',
  K: '0,0 0,6|4,0 0,3.4|1.3,2.5 4,6',
  L: '0,0 0,6 4,6',
  M: '0,6 0,0 2,3 4,0 4,6',
  N: '0,6 0,0 4,6 4,0',
  O: '1,0 3,0 4,1 4,5 3,6 1,6 0,5 0,1 1,0',
  P: '0,6 0,0 3,0 4,1 4,2.4 3,3.4 0,3.4',
  Q: '1,0 3,0 4,1 4,5 3,6 1,6 0,5 0,1 1,0|2.6,4.6 4,6',
  R: '0,6 0,0 3,0 4,1 4,2.3 3,3.2 0,3.2|2,3.2 4,6',
  S: '4,1 3,0 1,0 0,1 0,2 1,3 3,3 4,4 4,5 3,6 1,6 0,5',
  T: '0,0 4,0|2,0 2,6',
  U: '0,0 0,5 1,6 3,6 4,5 4,0',
  V: '0,0 2,6 4,0',
  W: '0,0 0.8,6 2,2.6 3.2,6 4,0',
  X: '0,0 4,6|4,0 0,6',
  Y: '0,0 2,3 4,0|2,3 2,6',
  Z: '0,0 4,0 0,6 4,6',
  '0': '1,0 3,0 4,1 4,5 3,6 1,6 0,5 0,1 1,0',
  '1': '0.8,1.2 2.2,0 2.2,6|0.9,6 3.5,6',
  '2': '0,1 1,0 3,0 4,1 4,2.2 0,6 4,6',
  '3': '0,0 4,0 1.9,2.4 3,2.4 4,3.4 4,5 3,6 1,6 0,5',
  '4': '3,6 3,0 0,4 4,4',
  '5': '4,0 0.3,0 0,2.6 3,2.6 4,3.6 4,5 3,6 1,6 0,5',
  '6': '3.6,0 2,0 0,2 0,5 1,6 3,6 4,5 4,3.6 3,2.7 0.4,2.7',
  '7': '0,0 4,0 1.4,6',
  '8': '1,0 3,0 3.8,0.8 3.8,2.1 3,2.9 1,2.9 0.2,2.1 0.2,0.8 1,0|1,2.9 0,3.9 0,5 1,6 3,6 4,5 4,3.9 3,2.9',
  '9': '0.4,6 2,6 4,4 4,1 3,0 1,0 0,1 0,2.4 1,3.3 3.6,3.3',
  '.': '1.9,5.8 2.1,5.8 2.1,6 1.9,6 1.9,5.8',
  ',': '2.2,5.4 2.2,6 1.7,6.9',
  ':': '2,2 2,2.2|2,5 2,5.2',
  '-': '0.6,3.2 3.4,3.2',
  '+': '0.4,3.2 3.6,3.2|2,1.6 2,4.8',
  '/': '0.4,6.6 3.6,-0.4',
  '(': '3,-0.5 1.8,1 1.8,5 3,6.5',
  ')': '1,-0.5 2.2,1 2.2,5 1,6.5',
  '%': '0,6 4,0|0.4,0.3 1.4,0.3 1.4,1.6 0.4,1.6 0.4,0.3|2.6,4.4 3.6,4.4 3.6,5.7 2.6,5.7 2.6,4.4',
  "'": '2,0 2,1.6',
};

const ADVANCE = 6;

/** Width of a line of text, `size` being the height of its capitals. */
export const textWidth = (text: string, size: number): number => (Math.max(0, text.length * ADVANCE - 2) * size) / 6;

/** An SVG path of the text in capitals. (x, y): its left end, or middle, or right end on the base line. What has no letter leaves a gap. */
export function lettering(
  text: string,
  x: number,
  y: number,
  { size, colour, anchor = 'start' }: { size: number; colour: string; anchor?: 'start' | 'middle' | 'end' },
): string {
  const shift = { start: 0, middle: 0.5, end: 1 }[anchor] * textWidth(text, size);
  const unit = size / 6;
  const path = [...text.toUpperCase()].flatMap((letter, i) =>
    (STROKES[letter] ?? '')
      .split('|')
      .filter(Boolean)
      .map((points) => {
        const places = points.split(' ').map((point) => {
          const [px, py] = point.split(',').map(Number) as [number, number];
          return `${(x - shift + (i * ADVANCE + px) * unit).toFixed(2)},${(y + (py - 6) * unit).toFixed(2)}`;
        });
        return `M${places.join('L')}`;
      }),
  );
  return `<path d="${path.join('')}" fill="none" stroke="${colour}" stroke-width="${(0.72 * unit).toFixed(2)}" stroke-linecap="round" stroke-linejoin="round"/>`;
}
