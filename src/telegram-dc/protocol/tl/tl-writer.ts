const initialBytes = 4096;

/** A growing, reusable buffer of TL bytes: `reset`, write, `finish`. */
export class TlWriter {
  private buffer = Buffer.allocUnsafe(initialBytes);
  private length = 0;

  get position(): number {
    return this.length;
  }

  reset(): this {
    this.length = 0;
    return this;
  }

  private grow(bytes: number): number {
    const start = this.length;
    const end = start + bytes;
    if (end > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, start);
      this.buffer = larger;
    }
    this.length = end;
    return start;
  }

  uint(value: number): this {
    const start = this.grow(4);
    this.buffer.writeUInt32LE(value >>> 0, start);
    return this;
  }

  int(value: number): this {
    const start = this.grow(4);
    this.buffer.writeInt32LE(value | 0, start);
    return this;
  }

  long(value: bigint): this {
    const start = this.grow(8);
    this.buffer.writeBigInt64LE(BigInt.asIntN(64, value), start);
    return this;
  }

  double(value: number): this {
    const start = this.grow(8);
    this.buffer.writeDoubleLE(value, start);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const start = this.grow(bytes.length);
    this.buffer.set(bytes, start);
    return this;
  }

  bytes(value: Uint8Array): this {
    const headBytes = this.lengthPrefix(value.length);
    this.raw(value);
    return this.padding(headBytes + value.length);
  }

  string(value: string): this {
    const bytes = Buffer.byteLength(value, "utf8");
    const headBytes = this.lengthPrefix(bytes);
    const start = this.grow(bytes);
    this.buffer.write(value, start, bytes, "utf8");
    return this.padding(headBytes + bytes);
  }

  private lengthPrefix(bytes: number): number {
    if (bytes < 254) {
      const start = this.grow(1);
      this.buffer[start] = bytes;
      return 1;
    }
    const start = this.grow(4);
    this.buffer[start] = 254;
    this.buffer.writeUIntLE(bytes, start + 1, 3);
    return 4;
  }

  private padding(writtenBytes: number): this {
    const excess = writtenBytes % 4;
    if (excess === 0) return this;
    const start = this.grow(4 - excess);
    this.buffer.fill(0, start, this.length);
    return this;
  }

  /** Overwrites four earlier bytes, for flags that are known only after the fields. */
  patchUint(position: number, value: number): void {
    this.buffer.writeUInt32LE(value >>> 0, position);
  }

  /** A copy of the written bytes; the writer may be reused at once. */
  finish(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.length));
  }
}
