import type { TlDefinition } from "./definition.ts";

/** The definitions of one TL layer, by id and by name. */
export interface Layer {
  readonly layer: number;
  readonly byId: ReadonlyMap<number, TlDefinition>;
  readonly constructorByName: ReadonlyMap<string, TlDefinition>;
  readonly methodByName: ReadonlyMap<string, TlDefinition>;
}

/** Indexes the definitions of one layer. A later definition of the same name replaces an earlier one. */
export function createLayer(layer: number, definitions: readonly TlDefinition[]): Layer {
  const byId = new Map<number, TlDefinition>();
  const constructorByName = new Map<string, TlDefinition>();
  const methodByName = new Map<string, TlDefinition>();
  for (const definition of definitions) {
    byId.set(definition.id, definition);
    const byName = definition.kind === "method" ? methodByName : constructorByName;
    byName.set(definition.name, definition);
  }
  return { layer, byId, constructorByName, methodByName };
}
