import { ControlError } from "../world/control-error.ts";

/** Reads the fields of a request; answers every fault with one line that names the field. */
export interface Fields {
  text(name: string): string;
  optionalText(name: string): string | undefined;
  /** A user's numeric id, as text or as a number, or a username. */
  name(name: string): string;
  optionalName(name: string): string | undefined;
  optionalInt(name: string): number | undefined;
  int(name: string): number;
  optionalLong(name: string): bigint | undefined;
  optionalFlag(name: string): boolean | undefined;
  oneOf<T extends string>(name: string, values: readonly T[]): T;
  optionalOneOf<T extends string>(name: string, values: readonly T[]): T | undefined;
}

/**
 * Reads a JSON body or a query string, where numbers and flags arrive as text.
 * @throws ControlError BAD_FIELD for a field that the request lacks
 */
export function readFields(source: Record<string, unknown>, known: readonly string[]): Fields {
  for (const name of Object.keys(source)) {
    if (!known.includes(name)) {
      throw badField(name, `is not known here; the fields are ${known.join(", ") || "none"}`);
    }
  }
  const given = (name: string): unknown => source[name] ?? undefined;

  function optionalText(name: string): string | undefined {
    const value = given(name);
    if (value === undefined || typeof value === "string") return value;
    throw badField(name, "must be text");
  }
  function optionalName(name: string): string | undefined {
    const value = given(name);
    return Number.isSafeInteger(value) ? JSON.stringify(value) : optionalText(name);
  }
  function optionalInt(name: string): number | undefined {
    const value = given(name);
    if (value === undefined) return undefined;
    const number = typeof value === "string" && value !== "" ? Number(value) : value;
    if (typeof number === "number" && Number.isSafeInteger(number)) return number;
    throw badField(name, "must be a whole number");
  }
  function optionalOneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const text = optionalText(name);
    const found = values.find((value) => value === text);
    if (text !== undefined && found === undefined) {
      throw badField(name, `must be one of ${values.join(", ")}`);
    }
    return found;
  }
  return {
    optionalText,
    optionalName,
    name: (name) => required(name, optionalName(name)),
    optionalInt,
    optionalOneOf,
    text: (name) => required(name, optionalText(name)),
    int: (name) => required(name, optionalInt(name)),
    oneOf: (name, values) => required(name, optionalOneOf(name, values)),
    optionalLong(name) {
      const digits = optionalName(name);
      if (digits === undefined) return undefined;
      if (/^-?\d{1,19}$/.test(digits)) return BigInt(digits);
      throw badField(name, "must be a decimal number, as text or as a number");
    },
    optionalFlag(name) {
      const value = given(name);
      if (value === undefined) return undefined;
      if (value === true || value === "1" || value === "true") return true;
      if (value === false || value === "0" || value === "false") return false;
      throw badField(name, "must be true or false");
    },
  };
}

function required<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw badField(name, "is missing");
  return value;
}

function badField(name: string, why: string): ControlError {
  return new ControlError("BAD_FIELD", 400, `nothing was done: the field "${name}" ${why}`);
}
