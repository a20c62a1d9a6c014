import { TlBinaryReader } from "@mtcute/core/utils.js";
import { depthMax, WireBoundError } from "../wire-bounds.ts";

type Method<Name extends "object" | "vector"> = TlBinaryReader[Name];

/** The smallest value of TL (https://core.telegram.org/mtproto/serialize). */
const elementBytesMin = 4;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

let isMended = false;

/**
 * Mends mtcute's reader for this process, once. By itself it reads on behind the end of a message: a vector that
 * claims four thousand million strings becomes as many empty ones (seen with 0.31.0). And it nests as deep as the stack
 * is. It takes a U+FEFF in front of a text for a mark of bytes and drops it, and places within the text are then wrong.
 */
export function mendReader(): void {
  if (isMended) return;
  isMended = true;
  const { prototype } = TlBinaryReader;
  const readObject: Method<"object"> = Reflect.get(prototype, "object");
  const readVector: Method<"vector"> = Reflect.get(prototype, "vector");
  let depth = 0;

  prototype.object = function (this: TlBinaryReader, id?: number) {
    if (depth >= depthMax)
      throw new WireBoundError(`an object nests deeper than ${depthMax} others`);
    depth += 1;
    try {
      return readObject.call(this, id);
    } finally {
      depth -= 1;
    }
  };

  prototype.vector = function (this: TlBinaryReader, reader, isBare = false) {
    const countAt = this.pos + (isBare ? 0 : 4);
    const left = this.uint8View.length - countAt - 4;
    if (left >= 0) {
      const count = this.dataView.getUint32(countAt, true);
      if (count > left / elementBytesMin)
        throw new WireBoundError(`a vector claims ${count} elements in ${left} bytes`);
    }
    return readVector.call(this, reader, isBare);
  };

  prototype.string = function (this: TlBinaryReader) {
    return decoder.decode(this.bytes());
  };
}
