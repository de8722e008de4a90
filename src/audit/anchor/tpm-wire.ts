/** Pieces of a TPM command. Numbers are big-endian. */
export function u8(value: number): Buffer {
  return Buffer.of(value);
}

/** Two bytes. */
export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** Four bytes. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** TPM2B: bytes with their length before them. */
export function sized(bytes: Uint8Array): Buffer {
  return Buffer.concat([u16(bytes.byteLength), bytes]);
}

/** Reads the parameters of a response in order. Reading past its end gives zeros and empty bytes. */
export class ResponseReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#take(1).readUInt8(0);
  }

  u16(): number {
    return this.#take(2).readUInt16BE(0);
  }

  u32(): number {
    return this.#take(4).readUInt32BE(0);
  }

  u64(): bigint {
    return this.#take(8).readBigUInt64BE(0);
  }

  sized(): Uint8Array {
    const length = this.u16();
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  #take(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    this.#bytes.subarray(this.#at, this.#at + count).copy(bytes);
    this.#at += count;
    return bytes;
  }
}
