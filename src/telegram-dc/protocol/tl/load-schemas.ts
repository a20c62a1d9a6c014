import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type LayerRegistry, createLayerRegistry } from "./layer-registry.ts";
import { parseSchemaJson } from "./schema-json.ts";
import { parseSchemaText, readLayerLine, requireDefinitions } from "./schema-text.ts";
import { serviceSchema } from "./service-schema.ts";
import { TlError } from "./tl-error.ts";

/**
 * Loads the layers of the installed client libraries: `@mtcute/core/tl/api-schema.json`, and
 * `telegram/tl/apiTl.js` where that package is installed.
 */
export function loadBuiltInLayers(): LayerRegistry {
  const require = createRequire(import.meta.url);
  const registry = createLayerRegistry(parseSchemaText(serviceSchema));
  const gramJs = resolved(require, "telegram");
  if (gramJs !== null) {
    const apiText: string = require("telegram/tl/apiTl.js");
    registry.add(readGramJsLayer(gramJs), parseSchemaText(apiText));
  }
  const mtcuteFolder = dirname(require.resolve("@mtcute/core"));
  const schema = parseSchemaJson(readFileSync(join(mtcuteFolder, "tl", "api-schema.json"), "utf8"));
  registry.add(schema.layer, schema.definitions);
  return registry;
}

/** The package's entry, or null where it is not installed. */
function resolved(require: NodeJS.Require, name: string): string | null {
  try {
    return require.resolve(name);
  } catch {
    return null;
  }
}

/** Read from the text, because loading the module would build a class per definition. */
function readGramJsLayer(packageEntry: string): number {
  const text = readFileSync(join(dirname(packageEntry), "tl", "AllTLObjects.js"), "utf8");
  const match = /exports\.LAYER = (\d+);/.exec(text);
  if (match === null) {
    throw new TlError(
      "TL_SCHEMA_INVALID",
      "The installed telegram package does not state its TL layer. Reinstall the dependencies with npm ci.",
    );
  }
  return Number(match[1]);
}

/**
 * Adds a layer from a `.tl` file.
 * @param layer the layer's number, for a file without a `// LAYER N` line; the line wins.
 * @returns the added layer.
 * @throws {TlError} TL_SCHEMA_INVALID when the file holds no definition or its layer is unknown.
 */
export function loadSchemaFile(registry: LayerRegistry, path: string, layer?: number): number {
  const text = readFileSync(path, "utf8");
  const definitions = parseSchemaText(text);
  requireDefinitions(definitions, path);
  const stated = readLayerLine(text) ?? layer;
  if (stated === undefined) {
    throw new TlError(
      "TL_SCHEMA_INVALID",
      `${path} does not say which layer it is. Add a line "// LAYER 229", or name the layer beside the file.`,
    );
  }
  registry.add(stated, definitions);
  return stated;
}
