import type { TlObject, TlValue } from "../../seam.ts";
import { falseId, trueId, vectorId } from "./decode.ts";
import type { TlDefinition, TlParameter, TlType } from "./definition.ts";
import type { Layer } from "./layer.ts";
import { TlError } from "./tl-error.ts";
import type { TlWriter } from "./tl-writer.ts";

/** The place of a value, for error messages: `user.status` in layer 198. */
interface Place {
  readonly definition: TlDefinition | undefined;
  readonly parameter: TlParameter | undefined;
}
const rootPlace: Place = { definition: undefined, parameter: undefined };

function describe(layer: Layer, place: Place): string {
  const name =
    place.definition === undefined
      ? "the value itself"
      : `${place.definition.name}.${place.parameter?.name ?? "?"}`;
  return `${name} (layer ${layer.layer})`;
}

function isObject(value: TlValue): value is TlObject {
  return (
    typeof value === "object" &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    "_" in value
  );
}

function refuse(layer: Layer, place: Place, type: TlType, value: TlValue): never {
  const wanted = "name" in type ? type.name : type.kind;
  const got = isObject(value) ? value._ : Array.isArray(value) ? "an array" : typeof value;
  if (value === undefined) {
    throw new TlError(
      "TL_FIELD_MISSING",
      `${describe(layer, place)} is required and has no natural zero: give a value of type ${wanted}.`,
    );
  }
  throw new TlError(
    "TL_FIELD_TYPE",
    `${describe(layer, place)} must be of type ${wanted}, not ${got}. Correct the value.`,
  );
}

/**
 * Writes an object with its constructor id, in the given layer. Leaves out fields that the layer
 * lacks. Writes a missing required number, string, Bool or vector as zero, "", false or [].
 * @throws {TlError} naming the field, where a required field is missing or of the wrong type.
 */
export function encodeBoxed(layer: Layer, writer: TlWriter, value: TlValue): void {
  encodeType(layer, writer, { kind: "any" }, value, rootPlace);
}

/** Writes a value of a known type, such as a method's result. */
export function encodeResult(layer: Layer, writer: TlWriter, type: TlType, value: TlValue): void {
  encodeType(layer, writer, type, value, rootPlace);
}

function encodeType(
  layer: Layer,
  writer: TlWriter,
  type: TlType,
  value: TlValue,
  place: Place,
): void {
  switch (type.kind) {
    case "int":
    case "flags":
      if (typeof value !== "number" && value !== undefined) refuse(layer, place, type, value);
      writer.int(value ?? 0);
      return;
    case "double":
      if (typeof value !== "number" && value !== undefined) refuse(layer, place, type, value);
      writer.double(value ?? 0);
      return;
    case "long":
      encodeLong(layer, writer, type, value, place);
      return;
    case "string":
    case "bytes":
      if (typeof value === "string") writer.string(value);
      else if (value instanceof Uint8Array) writer.bytes(value);
      else if (value === undefined) writer.string("");
      else refuse(layer, place, type, value);
      return;
    case "int128":
    case "int256": {
      const bytes = type.kind === "int128" ? 16 : 32;
      if (!(value instanceof Uint8Array) || value.length !== bytes)
        refuse(layer, place, type, value);
      writer.raw(value);
      return;
    }
    case "true":
      return;
    case "bool":
      if (typeof value !== "boolean" && value !== undefined) refuse(layer, place, type, value);
      writer.uint(value === true ? trueId : falseId);
      return;
    case "vector":
      encodeVector(layer, writer, type, value, place);
      return;
    case "boxed":
    case "any":
    case "bare":
      encodeComposite(layer, writer, type, value, place);
      return;
  }
}

function encodeLong(
  layer: Layer,
  writer: TlWriter,
  type: TlType,
  value: TlValue,
  place: Place,
): void {
  if (typeof value === "bigint") writer.long(value);
  else if (typeof value === "number" && Number.isSafeInteger(value)) writer.long(BigInt(value));
  else if (value === undefined) writer.long(0n);
  else refuse(layer, place, type, value);
}

function encodeVector(
  layer: Layer,
  writer: TlWriter,
  type: Extract<TlType, { kind: "vector" }>,
  value: TlValue,
  place: Place,
): void {
  const values: readonly TlValue[] | undefined =
    value === undefined ? [] : Array.isArray(value) ? value : undefined;
  if (values === undefined) refuse(layer, place, type, value);
  if (!type.isBare) writer.uint(vectorId);
  writer.int(values.length);
  for (const element of values) encodeType(layer, writer, type.element, element, place);
}

function encodeComposite(
  layer: Layer,
  writer: TlWriter,
  type: TlType,
  value: TlValue,
  place: Place,
): void {
  if (type.kind === "any" && typeof value === "boolean") {
    writer.uint(value ? trueId : falseId);
    return;
  }
  if (!isObject(value)) refuse(layer, place, type, value);
  const definition =
    layer.constructorByName.get(value._) ??
    (type.kind === "any" ? layer.methodByName.get(value._) : undefined);
  if (definition === undefined) {
    throw new TlError(
      "TL_UNKNOWN_NAME",
      `${describe(layer, place)} is ${value._}, which layer ${layer.layer} does not have. Answer with a constructor of that layer.`,
    );
  }
  if (type.kind === "bare") {
    if (definition.name !== type.name) refuse(layer, place, type, value);
  } else {
    if (type.kind === "boxed" && !isOfType(definition, type.name)) {
      refuse(layer, place, type, value);
    }
    writer.uint(definition.id);
  }
  encodeFields(layer, writer, definition, value);
}

function isOfType(definition: TlDefinition, typeName: string): boolean {
  return definition.result.kind === "boxed" && definition.result.name === typeName;
}

function isPresent(value: TlValue, parameter: TlParameter): boolean {
  return parameter.type.kind === "true" ? value === true : value !== undefined && value !== null;
}

function encodeFields(
  layer: Layer,
  writer: TlWriter,
  definition: TlDefinition,
  value: TlObject,
): void {
  const flags = new Map<string, number>();
  for (const parameter of definition.parameters) {
    if (parameter.type.kind === "flags") {
      const bits = collectFlags(definition, parameter.name, value);
      flags.set(parameter.name, bits);
      writer.uint(bits);
    } else if (isWritten(parameter, flags)) {
      encodeType(layer, writer, parameter.type, value[parameter.name], { definition, parameter });
    }
  }
}

/**
 * Several fields may share a bit, as a user's `bot` and `bot_info_version` do; all of them are
 * written then.
 */
function isWritten({ flag }: TlParameter, flags: ReadonlyMap<string, number>): boolean {
  if (flag === undefined) return true;
  return (((flags.get(flag.field) ?? 0) >>> flag.bit) & 1) === 1;
}

function collectFlags(definition: TlDefinition, field: string, value: TlObject): number {
  let flags = 0;
  for (const parameter of definition.parameters) {
    if (parameter.flag?.field === field && isPresent(value[parameter.name], parameter)) {
      flags |= 1 << parameter.flag.bit;
    }
  }
  return flags >>> 0;
}
