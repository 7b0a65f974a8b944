/** Magic number of Python 3.11, which began to hash with SipHash-1-3; before it was SipHash-2-4. */
const firstSipHash13 = 3495;

/**
 * The hash of a Python source that goes into hash-based bytecode (PEP 552; `_imp.source_hash` of CPython): SipHash with
 * the magic number as its key. `magic` is the first four bytes of the bytecode.
 */
export function sourceHash(magic: Uint8Array, source: Uint8Array): Uint8Array {
  const view = new DataView(magic.buffer, magic.byteOffset, 4);
  const rounds = view.getUint16(0, true) >= firstSipHash13 ? 1 : 2;
  return new SipHash(view.getUint32(0, true), rounds).hash(source);
}

/**
 * SipHash (Aumasson and Bernstein 2012) with `rounds` for each word and one more at the end, and a key of 32 bits.
 * Numbers of 64 bits are two of 32, low half first.
 */
class SipHash {
  readonly #rounds: number;
  readonly #state: Int32Array;

  constructor(key: number, rounds: number) {
    this.#rounds = rounds;
    // "somepseudorandomlygeneratedbytes", with the key in the first and the third word.
    this.#state = Int32Array.of(
      0x70736575 ^ key,
      0x736f6d65,
      0x6e646f6d,
      0x646f7261,
      0x6e657261 ^ key,
      0x6c796765,
      0x79746573,
      0x74656462,
    );
  }

  hash(bytes: Uint8Array): Uint8Array {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const whole = bytes.length - (bytes.length % 8);
    for (let offset = 0; offset < whole; offset += 8) {
      this.#word(view.getInt32(offset, true), view.getInt32(offset + 4, true));
    }
    const last = new DataView(new ArrayBuffer(8));
    for (let index = whole; index < bytes.length; index++) {
      last.setUint8(index - whole, bytes[index] as number);
    }
    last.setUint8(7, bytes.length & 0xff);
    this.#word(last.getInt32(0, true), last.getInt32(4, true));

    const v = this.#state;
    v[4] = (v[4] as number) ^ 0xff;
    for (let round = 0; round < this.#rounds + 2; round++) this.#round();
    const result = new DataView(new ArrayBuffer(8));
    for (const half of [0, 1]) {
      const value =
        (v[half] as number) ^
        (v[2 + half] as number) ^
        (v[4 + half] as number) ^
        (v[6 + half] as number);
      result.setInt32(4 * half, value, true);
    }
    return new Uint8Array(result.buffer);
  }

  #word(low: number, high: number): void {
    const v = this.#state;
    v[6] = (v[6] as number) ^ low;
    v[7] = (v[7] as number) ^ high;
    for (let round = 0; round < this.#rounds; round++) this.#round();
    v[0] = (v[0] as number) ^ low;
    v[1] = (v[1] as number) ^ high;
  }

  #round(): void {
    this.#half(0, 2, 13, true);
    this.#half(4, 6, 16, false);
    this.#half(0, 6, 21, false);
    this.#half(4, 2, 17, true);
  }

  /** `a += b; b = rotl(b, bits) ^ a`, and where asked, `a = rotl(a, 32)`. */
  #half(a: number, b: number, bits: number, swap: boolean): void {
    const v = this.#state;
    const low = (v[a] as number) >>> 0;
    const bLow = v[b] as number;
    const bHigh = v[b + 1] as number;
    const sumLow = (low + (bLow >>> 0)) | 0;
    const carry = sumLow >>> 0 < low ? 1 : 0;
    const sumHigh = ((v[a + 1] as number) + bHigh + carry) | 0;
    v[b] = ((bLow << bits) | (bHigh >>> (32 - bits))) ^ sumLow;
    v[b + 1] = ((bHigh << bits) | (bLow >>> (32 - bits))) ^ sumHigh;
    v[a] = swap ? sumHigh : sumLow;
    v[a + 1] = swap ? sumLow : sumHigh;
  }
}
