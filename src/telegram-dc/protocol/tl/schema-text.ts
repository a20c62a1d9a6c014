import { type TlDefinition, type TlParameter, parseType } from "./definition.ts";
import { TlError } from "./tl-error.ts";

const definitionLine = /^([\w.]+)#([0-9a-f]{1,8})\s*(.*?)\s*=\s*([^;=]+);$/;
const conditionalType = /^(\w+)\.(\d+)\?(.+)$/;
/** `vector` and the two Bools belong to the codec, not to a schema. */
const builtIn = new Set(["vector", "boolTrue", "boolFalse"]);

function parseParameter(token: string): TlParameter | undefined {
  const colon = token.indexOf(":");
  if (colon < 1 || token.startsWith("{") || token.startsWith("[")) return undefined;
  const name = token.slice(0, colon);
  const declared = token.slice(colon + 1);
  const conditional = conditionalType.exec(declared);
  return {
    name,
    type: parseType(conditional?.[3] ?? declared),
    flag:
      conditional === null
        ? undefined
        : { field: conditional[1] ?? "flags", bit: Number(conditional[2]) },
  };
}

/**
 * Parses a schema in the TL language (core.telegram.org/mtproto/TL). Skips lines without a
 * constructor id, such as built-in types and comments.
 */
export function parseSchemaText(text: string): TlDefinition[] {
  const definitions: TlDefinition[] = [];
  let kind: TlDefinition["kind"] = "constructor";
  for (const rawLine of text.split("\n")) {
    const line = rawLine.trim();
    if (line === "---functions---") kind = "method";
    if (line === "---types---") kind = "constructor";
    const match = definitionLine.exec(line);
    const name = match?.[1];
    if (match === null || name === undefined || builtIn.has(name)) continue;
    const parameters: TlParameter[] = [];
    for (const token of (match[3] ?? "").split(/\s+/)) {
      const parameter = parseParameter(token);
      if (parameter !== undefined) parameters.push(parameter);
    }
    const result = parseType((match[4] ?? "").trim());
    definitions.push({
      name,
      id: Number.parseInt(match[2] ?? "0", 16) >>> 0,
      kind,
      parameters,
      result,
    });
  }
  return definitions;
}

/** The layer in a schema's `// LAYER N` line, or undefined. */
export function readLayerLine(text: string): number | undefined {
  const match = /^\/\/\s*LAYER\s+(\d+)\s*$/im.exec(text);
  return match === null ? undefined : Number(match[1]);
}

/** Refuses a text without a definition, which is nearly always a wrong file. */
export function requireDefinitions(definitions: readonly TlDefinition[], source: string): void {
  if (definitions.length === 0) {
    throw new TlError(
      "TL_SCHEMA_INVALID",
      `${source} holds no TL definition such as "user#83314fca flags:# id:long = User;". Give a .tl schema file.`,
    );
  }
}
