import { bandFrom, bandTo } from './team';

/**
 * A frame of `samples` u16, `channels` interleaved, as it lies in the cache before it is compressed: each sample less the same channel of its
 * left neighbour (across row ends too), zigzag-coded (0, -1, 1, -2, … become 0, 1, 2, 3, …), all high bytes before all low ones.
 */
export function frameDifferences(pixels: usize, samples: i32, channels: i32, out: usize): void {
  const last = bandTo(samples);
  for (let i = bandFrom(samples); i < last; i++) {
    const at = pixels + ((<usize>i) << 1);
    const before: i32 = i < channels ? 0 : <i32>load<u16>(at - ((<usize>channels) << 1));
    const difference = <i32>(<i16>(<i32>load<u16>(at) - before));
    const code = (difference << 1) ^ (difference >> 31);
    store<u8>(out + <usize>i, <u8>(code >> 8));
    store<u8>(out + <usize>samples + <usize>i, <u8>code);
  }
}
