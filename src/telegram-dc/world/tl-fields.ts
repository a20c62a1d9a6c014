import type { TlObject, TlValue } from "../seam.ts";
import { badRequest } from "./rpc-error.ts";

/**
 * Reads one field of a decoded request; refuses the request when it is absent or of another type.
 */
function required<T>(value: T | undefined): T {
  if (value === undefined) throw badRequest("INPUT_REQUEST_INVALID");
  return value;
}

export function textField(object: TlObject, field: string): string {
  return required(optionalText(object, field));
}

export function optionalText(object: TlObject, field: string): string | undefined {
  const value = object[field];
  return typeof value === "string" ? value : undefined;
}

export function intField(object: TlObject, field: string): number {
  return required(optionalInt(object, field));
}

export function optionalInt(object: TlObject, field: string): number | undefined {
  const value = object[field];
  return typeof value === "number" ? value : undefined;
}

export function longField(object: TlObject, field: string): bigint {
  return required(optionalLong(object, field));
}

export function optionalLong(object: TlObject, field: string): bigint | undefined {
  const value = object[field];
  return typeof value === "bigint" ? value : undefined;
}

export function bytesField(object: TlObject, field: string): Buffer {
  return required(optionalBytes(object, field));
}

export function optionalBytes(object: TlObject, field: string): Buffer | undefined {
  const value = object[field];
  return value instanceof Uint8Array ? Buffer.from(value) : undefined;
}

export function objectField(object: TlObject, field: string): TlObject {
  return required(optionalObject(object, field));
}

export function optionalObject(object: TlObject, field: string): TlObject | undefined {
  const value = object[field];
  return isTlObject(value) ? value : undefined;
}

export function listField(object: TlObject, field: string): readonly TlValue[] {
  return required(optionalList(object, field));
}

export function optionalList(object: TlObject, field: string): readonly TlValue[] | undefined {
  const value = object[field];
  return Array.isArray(value) ? value : undefined;
}

/** The objects of a vector; refuses the request if it holds anything else. */
export function objectsField(object: TlObject, field: string): TlObject[] {
  return listField(object, field).map((value) => {
    if (!isTlObject(value)) throw badRequest("INPUT_REQUEST_INVALID");
    return value;
  });
}

export function isTlObject(value: TlValue | undefined): value is TlObject {
  return (
    typeof value === "object" &&
    value !== null &&
    !(value instanceof Uint8Array) &&
    !Array.isArray(value)
  );
}
