/**
 * Writes the protocol buffers wire format (https://protobuf.dev/programming-guides/encoding): what is written in the same
 * order gives the same bytes. Numbers are non-negative unless said otherwise.
 */
export class Message {
  #bytes = new Uint8Array(64);
  #length = 0;

  int(field: number, value: number | bigint): this {
    return this.#tag(field, VARINT).#varint(value);
  }

  float(field: number, value: number): this {
    return this.#tag(field, FIXED32).#push(new Uint8Array(new Float32Array([value]).buffer));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#tag(field, LENGTH_DELIMITED).#varint(value.length).#push(value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, UTF8.encode(value));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  /** Signed integers, packed. */
  ints(field: number, values: readonly (number | bigint)[]): this {
    const packed = new Message();
    for (const value of values) packed.#varint(value);
    return this.message(field, packed);
  }

  /** What has been written; a view, good until more is written. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #tag(field: number, wire: number): this {
    return this.#varint(field * 8 + wire);
  }

  /** Seven bits a byte, low ones first; negative numbers as 64-bit two's complement. */
  #varint(value: number | bigint): this {
    this.#reserve(10);
    if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) {
      let rest = value;
      for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      this.#bytes[this.#length++] = rest;
    } else {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      this.#bytes[this.#length++] = Number(rest);
    }
    return this;
  }

  #push(chunk: Uint8Array): this {
    this.#reserve(chunk.length);
    this.#bytes.set(chunk, this.#length);
    this.#length += chunk.length;
    return this;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    grown.set(this.finish());
    this.#bytes = grown;
  }
}

const UTF8 = new TextEncoder();

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
