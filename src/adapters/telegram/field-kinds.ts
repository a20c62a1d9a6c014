import { Long, type tl } from "@mtcute/core";
import { __tlWriterMap, TlBinaryWriter } from "@mtcute/core/utils.js";

/** A value in a field of another kind; the library would write it as 0, or cut. */
class Misfit extends Error {}

/** As much as a library takes for one message. */
const bytesMax = 1_000_000;
const int32Min = -(2 ** 31);
const int32Max = 2 ** 31 - 1;

/** Writes as the library does, and takes no value that only looks like one of its field's kind. */
class StrictWriter extends TlBinaryWriter {
  #of: Readonly<Record<string, unknown>> = {};

  override object(value: { readonly _: string }): void {
    const outer = this.#of;
    this.#of = value;
    super.object(value);
    this.#of = outer;
  }

  override int(value: number): void {
    if (!isWithin(value, int32Min, int32Max)) this.#refuse(value, "a whole number of 32 bits");
    super.int(value);
  }

  override int53(value: number): void {
    if (!isWithin(value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)) {
      this.#refuse(value, "a whole number");
    }
    super.int53(value);
  }

  override long(value: Long): void {
    const given: unknown = value;
    if (!Long.isLong(given) && given !== 0) this.#refuse(given, '{"$long": "<number>"}');
    super.long(value);
  }

  override double(value: number): void {
    if (typeof value !== "number") this.#refuse(value, "a number");
    super.double(value);
  }

  override boolean(value: boolean): void {
    if (typeof value !== "boolean") this.#refuse(value, "true or false");
    super.boolean(value);
  }

  override string(value: string): void {
    if (typeof value !== "string") this.#refuse(value, "a text");
    super.string(value);
  }

  override bytes(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) this.#refuse(value, '{"$bytes": "<base64>"}');
    super.bytes(value);
  }

  #refuse(value: unknown, kind: string): never {
    const holds = (one: unknown) => one === value || (Array.isArray(one) && one.includes(value));
    const field = Object.entries(this.#of).find(([, one]) => holds(one))?.[0] ?? "a field";
    const what = value === undefined ? "is missing and" : "";
    throw new Misfit(`${field} ${what} must be ${kind}`.replace("  ", " "));
  }
}

/** A `Long` counts as its number: the library writes it as that. */
function isWithin(value: unknown, min: number, max: number): boolean {
  const number = Long.isLong(value) ? value.toNumber() : value;
  return Number.isInteger(number) && (number as number) >= min && (number as number) <= max;
}

/**
 * The first field of a query whose value is of another kind than Telegram's schema says, for a person; null: there
 * is none, or the query cannot be written at all, which its driver finds by itself.
 */
export function misfitIn(query: tl.RpcMethod): string | null {
  try {
    new StrictWriter(__tlWriterMap, new ArrayBuffer(lengthOf(query))).object(query);
    return null;
  } catch (error) {
    return error instanceof Misfit ? error.message : null;
  }
}

/** Bytes that a query takes; room for any where it cannot be counted. */
function lengthOf(query: tl.RpcMethod): number {
  try {
    return TlBinaryWriter.serializeObject(__tlWriterMap, query).length;
  } catch {
    return bytesMax;
  }
}
