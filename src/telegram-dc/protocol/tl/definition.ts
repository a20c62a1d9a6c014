/** The shape of one TL field or result. */
export type TlType =
  | { readonly kind: "int" | "long" | "double" | "string" | "bytes" | "int128" | "int256" }
  | { readonly kind: "bool" | "true" | "flags" | "any" }
  /** A value that starts with its constructor's id. */
  | { readonly kind: "boxed"; readonly name: string }
  /** A value of one known constructor, without its id. */
  | { readonly kind: "bare"; readonly name: string }
  | { readonly kind: "vector"; readonly element: TlType; readonly isBare: boolean };

interface TlFlag {
  /** The `#` field that carries the bit. */
  readonly field: string;
  readonly bit: number;
}

export interface TlParameter {
  readonly name: string;
  readonly type: TlType;
  readonly flag: TlFlag | undefined;
}

/** One constructor or method of a schema. */
export interface TlDefinition {
  readonly name: string;
  readonly id: number;
  readonly kind: "constructor" | "method";
  readonly parameters: readonly TlParameter[];
  readonly result: TlType;
}

const simpleTypes: ReadonlyMap<string, TlType> = new Map<string, TlType>([
  ["int", { kind: "int" }],
  ["long", { kind: "long" }],
  ["int53", { kind: "long" }],
  ["double", { kind: "double" }],
  ["string", { kind: "string" }],
  ["bytes", { kind: "bytes" }],
  ["int128", { kind: "int128" }],
  ["int256", { kind: "int256" }],
  ["Bool", { kind: "bool" }],
  ["true", { kind: "true" }],
  ["#", { kind: "flags" }],
  ["X", { kind: "any" }],
  ["!X", { kind: "any" }],
  ["Object", { kind: "any" }],
]);

/**
 * Reads a type as written in a `.tl` schema: `int`, `Vector<User>`, `vector<%Message>`,
 * `future_salt`. A name with a small first letter is a bare constructor.
 */
export function parseType(text: string): TlType {
  const simple = simpleTypes.get(text);
  if (simple !== undefined) return simple;
  const vector = /^([Vv])ector(?:<(.*)>|\s+(.*))$/.exec(text);
  if (vector !== null) {
    const element = vector[2] ?? vector[3] ?? "";
    return { kind: "vector", element: parseType(element), isBare: vector[1] === "v" };
  }
  if (text.startsWith("%")) return { kind: "bare", name: text.slice(1) };
  const lastName = text.slice(text.lastIndexOf(".") + 1);
  return /^[a-z]/.test(lastName) ? { kind: "bare", name: text } : { kind: "boxed", name: text };
}
