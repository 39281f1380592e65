/**
 * One size of a tensor: a number, or an expression over sizes that are known only when the graph runs ('height',
 * '2*height'). Equal expressions are written equally, so sizes compare with ===.
 */
export type Dimension = number | string;
export type Shape = readonly Dimension[];

/** Product in one canonical order: the number first, then the factors sorted. */
export function product(...dimensions: Shape): Dimension {
  const factors = dimensions.flatMap(factorsOf);
  const number = factors.filter((factor) => typeof factor === 'number').reduce((a, b) => a * b, 1);
  const names = factors.filter((factor) => typeof factor === 'string').sort();
  if (names.length === 0 || number === 0) return number;
  return [...(number === 1 ? [] : [number]), ...names].join('*');
}

/** Positions that a window of `size` takes with a stride over a dimension padded by `padding` in all. */
export function windows(dimension: Dimension, size: number, stride: number, padding: number): Dimension {
  const slack = padding - size;
  if (typeof dimension === 'number') return Math.floor((dimension + slack) / stride) + 1;
  if (stride === 1 && slack === -1) return dimension;
  // An exact multiple of the stride stays a product: half of 8*height is 4*height.
  const [first, ...rest] = factorsOf(dimension);
  if (typeof first === 'number' && first % stride === 0 && Math.floor(slack / stride) === -1)
    return product(first / stride, ...rest);
  return `floor((${dimension}${slack < 0 ? slack : `+${slack}`})/${stride}+1)`;
}

/** Sum along an axis that tensors are joined on. */
export function sum(dimensions: Shape): Dimension {
  const number = dimensions.filter((dimension) => typeof dimension === 'number').reduce((a, b) => a + b, 0);
  const names = dimensions.filter((dimension) => typeof dimension === 'string').sort();
  if (names.length === 0) return number;
  return names.length === 1 && number === 0 ? (names[0] as string) : `sum(${[...names, number].join('+')})`;
}

/** [2, 4, height, width], for messages. */
export const shapeText = (shape: Shape): string => `[${shape.join(', ')}]`;

/** Factors of a product, where parentheses hold an expression together. */
export function factorsOf(dimension: Dimension): Shape {
  if (typeof dimension === 'number') return [dimension];
  const factors: string[] = [''];
  let depth = 0;
  for (const char of dimension) {
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (char === '*' && depth === 0) factors.push('');
    else factors[factors.length - 1] += char;
  }
  return factors.map((factor) => (/^\d+$/.test(factor) ? Number(factor) : factor));
}
