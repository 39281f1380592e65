import { bandFrom, bandTo } from './team';

/** `count` words of 32 bits from one place to another that does not overlap it. */
export function copyWords(from: usize, to: usize, count: i32): void {
  const first = (<usize>bandFrom(count)) << 2;
  memory.copy(to + first, from + first, ((<usize>bandTo(count)) << 2) - first);
}

/** `count` words of 32 bits of one value. */
export function fillWords(at: usize, count: i32, value: i32): void {
  const last = bandTo(count);
  for (let i = bandFrom(count); i < last; i++) store<i32>(at + ((<usize>i) << 2), value);
}
