import type { ClientIdentity, TlObject } from "../../seam.ts";
import { gzipId, decodeFields, unpack } from "../tl/decode.ts";
import type { TlDefinition } from "../tl/definition.ts";
import { longField, longsField, numberField, stringField } from "../tl/fields.ts";
import type { LayerRegistry } from "../tl/layer-registry.ts";
import type { Layer } from "../tl/layer.ts";
import { TlError, formatConstructorId } from "../tl/tl-error.ts";
import { TlReader } from "../tl/tl-reader.ts";

/** A call without its wrappers, and the wrappers' data. */
export interface UnwrappedQuery {
  readonly definition: TlDefinition;
  readonly query: TlObject;
  /** The layer of the answer. */
  readonly layer: Layer;
  /** The layer named by invokeWithLayer. */
  readonly announcedLayer: number | undefined;
  readonly identity: ClientIdentity | undefined;
  readonly withoutUpdates: boolean;
  /** Messages whose calls must succeed before this one runs. */
  readonly runAfter: readonly bigint[];
}

const wrappersMax = 16;
const queryField = "query";

/** invokeWithLayer and its like: the last field of the method is the query itself. */
function isWrapper(definition: TlDefinition): boolean {
  const last = definition.parameters.at(-1);
  return definition.kind === "method" && last?.name === queryField && last.type.kind === "any";
}

/**
 * Reads a call through its wrappers, each in its own layer.
 * @param layer the client's announced layer, until invokeWithLayer names another.
 * @throws {TlError} when a constructor is unknown or the message is cut.
 */
export function unwrapQuery(
  schemas: LayerRegistry,
  initialLayer: Layer,
  body: Buffer,
): UnwrappedQuery {
  let layer = initialLayer;
  let reader = new TlReader(body);
  let announcedLayer: number | undefined;
  let identity: ClientIdentity | undefined;
  let withoutUpdates = false;
  const runAfter: bigint[] = [];
  for (let depth = 0; depth < wrappersMax; depth++) {
    if (reader.peekUint() === gzipId) {
      reader.uint();
      reader = unpack(reader);
      continue;
    }
    const definition = readMethod(layer, reader);
    if (!isWrapper(definition)) {
      const query = decodeFields(layer, reader, definition);
      return { definition, query, layer, announcedLayer, identity, withoutUpdates, runAfter };
    }
    const wrapper = decodeFields(layer, reader, definition, 0, queryField);
    if (wrapper._ === "invokeWithLayer") {
      announcedLayer = numberField(wrapper, "layer");
      layer = schemas.resolve(announcedLayer);
    } else if (wrapper._ === "initConnection") identity = readIdentity(wrapper);
    else if (wrapper._ === "invokeWithoutUpdates") withoutUpdates = true;
    else if (wrapper._ === "invokeAfterMsg") runAfter.push(longField(wrapper, "msg_id"));
    else if (wrapper._ === "invokeAfterMsgs") runAfter.push(...longsField(wrapper, "msg_ids"));
  }
  throw new TlError("TL_TOO_DEEP", `A call is wrapped more than ${wrappersMax} times. Unwrap it.`);
}

function readMethod(layer: Layer, reader: TlReader): TlDefinition {
  const id = reader.uint();
  const definition = layer.byId.get(id);
  if (definition?.kind !== "method") {
    throw new TlError(
      "TL_UNKNOWN_METHOD",
      `Layer ${layer.layer} has no method ${formatConstructorId(id)}. Add its schema with loadSchemaFile.`,
      { constructorId: id },
    );
  }
  return definition;
}

function readIdentity(wrapper: TlObject): ClientIdentity {
  return {
    apiId: numberField(wrapper, "api_id"),
    deviceModel: stringField(wrapper, "device_model"),
    systemVersion: stringField(wrapper, "system_version"),
    appVersion: stringField(wrapper, "app_version"),
  };
}
