import type { TlObject, TlValue } from "../../seam.ts";
import { TlError } from "./tl-error.ts";

/** Whether a value is an object with a constructor. */
export function isTlObject(value: TlValue): value is TlObject {
  return (
    typeof value === "object" &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    "_" in value
  );
}

function wrongType(object: TlObject, field: string, wanted: string): TlError {
  return new TlError(
    "TL_FIELD_TYPE",
    `${object._}.${field} must be ${wanted}. Check the schema that the sender used.`,
  );
}

/** A field of bytes, int128 or int256. @throws {TlError} TL_FIELD_TYPE */
export function bytesField(object: TlObject, field: string): Buffer {
  const value = object[field];
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value);
  throw wrongType(object, field, "bytes");
}

/** A field of type long. @throws {TlError} TL_FIELD_TYPE */
export function longField(object: TlObject, field: string): bigint {
  const value = object[field];
  if (typeof value === "bigint") return value;
  throw wrongType(object, field, "a long");
}

/** A field of type int or double. @throws {TlError} TL_FIELD_TYPE */
export function numberField(object: TlObject, field: string): number {
  const value = object[field];
  if (typeof value === "number") return value;
  throw wrongType(object, field, "a number");
}

/** A field of type string. @throws {TlError} TL_FIELD_TYPE */
export function stringField(object: TlObject, field: string): string {
  const value = object[field];
  if (typeof value === "string") return value;
  throw wrongType(object, field, "a string");
}

/** A field of type Vector<long>. @throws {TlError} TL_FIELD_TYPE */
export function longsField(object: TlObject, field: string): bigint[] {
  const value = object[field];
  if (!Array.isArray(value)) throw wrongType(object, field, "a vector of longs");
  return value.filter((element): element is bigint => typeof element === "bigint");
}
