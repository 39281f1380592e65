/**
 * Writes the protocol buffers wire format (https://protobuf.dev/programming-guides/encoding): what is written in the same
 * order gives the same bytes. Numbers are non-negative unless said otherwise.
 */
export class Message {
  readonly #chunks: Uint8Array[] = [];

  int(field: number, value: number | bigint): this {
    this.#tag(field, VARINT);
    return this.#push(varint(BigInt(value)));
  }

  float(field: number, value: number): this {
    this.#tag(field, FIXED32);
    return this.#push(new Uint8Array(new Float32Array([value]).buffer));
  }

  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, LENGTH_DELIMITED);
    this.#push(varint(BigInt(value.length)));
    return this.#push(value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  /** Signed integers, packed. */
  ints(field: number, values: readonly (number | bigint)[]): this {
    return this.bytes(field, concat(values.map((value) => varint(BigInt(value)))));
  }

  finish(): Uint8Array {
    return concat(this.#chunks);
  }

  #tag(field: number, wire: number): void {
    this.#push(varint(BigInt(field * 8 + wire)));
  }

  #push(chunk: Uint8Array): this {
    this.#chunks.push(chunk);
    return this;
  }
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Seven bits a byte, low ones first; negative numbers as 64-bit two's complement. */
function varint(value: bigint): Uint8Array {
  let rest = BigInt.asUintN(64, value);
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
