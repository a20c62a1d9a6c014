import { createBudget, type TlBudget } from "./budget.ts";
import { TlError } from "./tl-error.ts";

/** A cursor over TL bytes. Byte fields are views of the frame, not copies: a frame is never reused. */
export class TlReader {
  readonly buffer: Buffer;
  /** Of the whole message, however deep this reader stands in it. */
  readonly budget: TlBudget;
  position: number;

  constructor(buffer: Buffer, position = 0, budget: TlBudget = createBudget()) {
    this.buffer = buffer;
    this.position = position;
    this.budget = budget;
  }

  get remainingBytes(): number {
    return this.buffer.length - this.position;
  }

  private take(bytes: number): number {
    const start = this.position;
    if (bytes < 0 || start + bytes > this.buffer.length) {
      throw new TlError(
        "TL_TRUNCATED",
        `The message ends at byte ${this.buffer.length}, but ${bytes} more bytes are declared at byte ${start}. Check the length and the layer that the sender used.`,
      );
    }
    this.position = start + bytes;
    return start;
  }

  peekUint(): number {
    const start = this.take(4);
    this.position = start;
    return this.buffer.readUInt32LE(start);
  }

  uint(): number {
    return this.buffer.readUInt32LE(this.take(4));
  }

  int(): number {
    return this.buffer.readInt32LE(this.take(4));
  }

  long(): bigint {
    return this.buffer.readBigInt64LE(this.take(8));
  }

  double(): number {
    return this.buffer.readDoubleLE(this.take(8));
  }

  raw(bytes: number): Buffer {
    const start = this.take(bytes);
    return this.buffer.subarray(start, start + bytes);
  }

  bytes(): Buffer {
    const start = this.take(1);
    const short = this.buffer[start] ?? 0;
    if (short !== 254) {
      const view = this.raw(short);
      this.skipPadding(1 + short);
      return view;
    }
    const long = this.buffer.readUIntLE(this.take(3), 3);
    const view = this.raw(long);
    this.skipPadding(long);
    return view;
  }

  string(): string {
    return this.bytes().toString("utf8");
  }

  private skipPadding(writtenBytes: number): void {
    const excess = writtenBytes % 4;
    if (excess !== 0) this.take(4 - excess);
  }
}
