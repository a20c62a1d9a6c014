import { type TlDefinition, type TlType, parseType } from "./definition.ts";
import { TlError } from "./tl-error.ts";

/** One entry of @mtcute/core's JSON schema (`tl/api-schema.json`), with the fields read here. */
interface JsonEntry {
  readonly kind: string;
  readonly name: string;
  readonly type: string;
  readonly id: number;
  readonly typeModifiers?: JsonModifiers;
  readonly arguments?: readonly JsonArgument[];
}
interface JsonArgument {
  readonly name: string;
  readonly type: string;
  readonly typeModifiers?: JsonModifiers;
}
interface JsonModifiers {
  readonly predicate?: string;
  readonly isVector?: boolean;
  readonly isBareVector?: boolean;
}

function readType(name: string, modifiers: JsonModifiers | undefined): TlType {
  const element = parseType(name);
  if (modifiers?.isVector === true) return { kind: "vector", element, isBare: false };
  if (modifiers?.isBareVector === true) return { kind: "vector", element, isBare: true };
  return element;
}

function readFlag(predicate: string | undefined): { field: string; bit: number } | undefined {
  if (predicate === undefined) return undefined;
  const [field = "flags", bit = "0"] = predicate.split(".");
  return { field, bit: Number(bit) };
}

function toDefinition(entry: JsonEntry): TlDefinition {
  return {
    name: entry.name,
    id: entry.id >>> 0,
    kind: entry.kind === "method" ? "method" : "constructor",
    result: readType(entry.type, entry.typeModifiers),
    parameters: (entry.arguments ?? []).map((argument) => ({
      name: argument.name,
      type: readType(argument.type, argument.typeModifiers),
      flag: readFlag(argument.typeModifiers?.predicate),
    })),
  };
}

/** Parses @mtcute/core's JSON schema: `{l: layer, e: entries}`. */
export function parseSchemaJson(text: string): { layer: number; definitions: TlDefinition[] } {
  const document: unknown = JSON.parse(text);
  if (!isSchemaDocument(document)) {
    throw new TlError(
      "TL_SCHEMA_INVALID",
      "The JSON schema lacks its layer (l) or its entries (e). Reinstall the dependencies with npm ci.",
    );
  }
  return { layer: document.l, definitions: document.e.map(toDefinition) };
}

function isSchemaDocument(value: unknown): value is { l: number; e: readonly JsonEntry[] } {
  if (typeof value !== "object" || value === null) return false;
  return "l" in value && typeof value.l === "number" && "e" in value && Array.isArray(value.e);
}
