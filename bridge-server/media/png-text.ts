import { crc32 } from 'node:zlib';

/** Signature, and the header chunk, which has to come first. */
const HEADER_END = 8 + 25;

/** The same PNG with a text that belongs to it, as an uncompressed iTXt chunk in UTF-8 (PNG, third edition, 11.3.3.4). */
export function withText(png: Uint8Array, keyword: string, text: string): Uint8Array {
  // Keyword, its end; not compressed; no language, no translated keyword.
  const data = Buffer.concat([Buffer.from(keyword, 'latin1'), Buffer.from([0, 0, 0, 0, 0]), Buffer.from(text, 'utf8')]);
  const typed = Buffer.concat([Buffer.from('iTXt'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(typed));
  return Buffer.concat([png.subarray(0, HEADER_END), length, typed, sum, png.subarray(HEADER_END)]);
}
