import { unzipSync } from "node:zlib";
import type { TlObject, TlValue } from "../../seam.ts";
import type { TlDefinition, TlParameter, TlType } from "./definition.ts";
import type { Layer } from "./layer.ts";
import { TlError, formatConstructorId } from "./tl-error.ts";
import { TlReader } from "./tl-reader.ts";

export const vectorId = 0x1cb5c415;
export const trueId = 0x997275b5;
export const falseId = 0xbc799737;
export const gzipId = 0x3072cfa1;
const depthMax = 64;

type MutableObject = { _: string } & Record<string, TlValue>;

/**
 * Unpacks the body of a `gzip_packed` after its id, on the budget of the message. Accepts gzip and zlib, as clients
 * send both. Returns a reader of what was packed.
 */
export function unpack(reader: TlReader): TlReader {
  const { budget } = reader;
  const packed = reader.bytes();
  const bytesMax = budget.unpackedBytesLeft;
  try {
    const unpacked = unzipSync(packed, { maxOutputLength: Math.max(1, bytesMax) });
    budget.takeUnpacked(unpacked.length);
    return new TlReader(unpacked, 0, budget);
  } catch (cause) {
    throw new TlError(
      "TL_PACKED_INVALID",
      `A gzip_packed body of ${packed.length} bytes is damaged or unpacks to more than ${bytesMax} bytes. Send it unpacked or in parts.`,
      { cause },
    );
  }
}

/** The definition named by the next four bytes; the reader moves past them. */
function readDefinition(layer: Layer, reader: TlReader): TlDefinition {
  const id = reader.uint();
  const definition = layer.byId.get(id);
  if (definition === undefined) {
    throw new TlError(
      "TL_UNKNOWN_CONSTRUCTOR",
      `Layer ${layer.layer} has no constructor or method ${formatConstructorId(id)}. Add its schema with loadSchemaFile.`,
      { constructorId: id },
    );
  }
  return definition;
}

/** Reads one boxed value: an object, a Bool, a vector of boxed values, or any of them packed. */
export function decodeBoxed(layer: Layer, reader: TlReader, depth = 0): TlValue {
  if (depth > depthMax) {
    throw new TlError("TL_TOO_DEEP", `The message nests deeper than ${depthMax}. Flatten it.`);
  }
  switch (reader.peekUint()) {
    case trueId:
      reader.uint();
      return true;
    case falseId:
      reader.uint();
      return false;
    case gzipId:
      reader.uint();
      return decodeBoxed(layer, unpack(reader), depth + 1);
    case vectorId:
      return decodeVector(layer, reader, { kind: "any" }, false, depth);
    default:
      return decodeFields(layer, reader, readDefinition(layer, reader), depth);
  }
}

/**
 * Reads the fields of a definition after its id. With `until`, stops before the field of that name,
 * so that a wrapper's query can be read in another layer.
 */
export function decodeFields(
  layer: Layer,
  reader: TlReader,
  definition: TlDefinition,
  depth = 0,
  until?: string,
): TlObject {
  const value: MutableObject = { _: definition.name };
  for (const parameter of definition.parameters) {
    if (parameter.name === until) break;
    if (parameter.flag !== undefined && !isFlagSet(value, parameter)) continue;
    value[parameter.name] = decodeType(layer, reader, parameter.type, depth);
  }
  return value;
}

function isFlagSet(value: MutableObject, parameter: TlParameter): boolean {
  const flags = value[parameter.flag?.field ?? ""];
  return typeof flags === "number" && ((flags >>> (parameter.flag?.bit ?? 0)) & 1) === 1;
}

/** Reads one value of a known type. */
function decodeType(layer: Layer, reader: TlReader, type: TlType, depth = 0): TlValue {
  reader.budget.takeValue();
  switch (type.kind) {
    case "int":
      return reader.int();
    case "flags":
      return reader.uint();
    case "long":
      return reader.long();
    case "double":
      return reader.double();
    case "string":
      return reader.string();
    case "bytes":
      return reader.bytes();
    case "int128":
      return reader.raw(16);
    case "int256":
      return reader.raw(32);
    case "true":
      return true;
    case "bool":
    case "boxed":
    case "any":
      return decodeBoxed(layer, reader, depth + 1);
    case "bare":
      return decodeFields(layer, reader, bareDefinition(layer, type.name), depth + 1);
    case "vector":
      return decodeVector(layer, reader, type.element, type.isBare, depth);
    default:
      return type satisfies never;
  }
}

function bareDefinition(layer: Layer, name: string): TlDefinition {
  const definition = layer.constructorByName.get(name);
  if (definition === undefined) {
    throw new TlError(
      "TL_UNKNOWN_NAME",
      `Layer ${layer.layer} has no constructor named ${name}. Correct the schema that refers to it.`,
    );
  }
  return definition;
}

function decodeVector(
  layer: Layer,
  reader: TlReader,
  element: TlType,
  isBare: boolean,
  depth: number,
): TlValue[] {
  if (!isBare && reader.uint() !== vectorId) {
    throw new TlError(
      "TL_VECTOR_EXPECTED",
      `A vector was expected at byte ${reader.position - 4}. Check the layer that the sender used.`,
    );
  }
  const count = reader.uint();
  // An element takes at least four bytes, so a larger count is false and would only cost memory.
  if (count > reader.remainingBytes / 4) {
    throw new TlError(
      "TL_TRUNCATED",
      `A vector declares ${count} elements in ${reader.remainingBytes} bytes. Check the length and the layer that the sender used.`,
    );
  }
  const values: TlValue[] = [];
  for (let index = 0; index < count; index++) {
    values.push(decodeType(layer, reader, element, depth + 1));
  }
  return values;
}
