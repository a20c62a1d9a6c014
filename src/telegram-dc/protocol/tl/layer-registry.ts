import type { TlDefinition } from "./definition.ts";
import { type Layer, createLayer } from "./layer.ts";
import { TlError } from "./tl-error.ts";

/** The TL layers that the data centre speaks. */
export interface LayerRegistry {
  /** The known layers, in ascending order. */
  readonly layers: readonly number[];
  /** MTProto's own messages (ping, acks, the key exchange), which belong to no layer. */
  readonly service: Layer;
  /** Adds a layer or replaces it. */
  add(layer: number, definitions: readonly TlDefinition[]): void;
  /** The layer itself, or the nearest known one; of two equally near ones the older. */
  resolve(layer: number): Layer;
}

/** Makes a registry with the service messages only. Add layers before the first client comes. */
export function createLayerRegistry(service: readonly TlDefinition[]): LayerRegistry {
  const known = new Map<number, Layer>();
  const serviceLayer = createLayer(0, service);
  return {
    get layers() {
      return [...known.keys()].toSorted((left, right) => left - right);
    },
    service: serviceLayer,
    add(layer, definitions) {
      known.set(layer, createLayer(layer, definitions));
    },
    resolve(layer) {
      const exact = known.get(layer);
      if (exact !== undefined) return exact;
      let nearest: Layer | undefined;
      for (const candidate of known.values()) {
        if (nearest === undefined || isNearer(layer, candidate.layer, nearest.layer)) {
          nearest = candidate;
        }
      }
      if (nearest === undefined) {
        throw new TlError(
          "TL_SCHEMA_INVALID",
          "No TL layer is loaded. Call loadBuiltInLayers or loadSchemaFile first.",
        );
      }
      return nearest;
    },
  };
}

function isNearer(wanted: number, candidate: number, best: number): boolean {
  const distance = Math.abs(candidate - wanted);
  const bestDistance = Math.abs(best - wanted);
  return distance < bestDistance || (distance === bestDistance && candidate < best);
}
