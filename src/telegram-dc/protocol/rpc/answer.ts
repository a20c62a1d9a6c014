import { gzipSync } from "node:zlib";
import { gzipId } from "../tl/decode.ts";
import { TlWriter } from "../tl/tl-writer.ts";

const rpcResultId = 0xf35c6d01;
const rpcErrorId = 0x2144ca19;
const packingLevel = 1;

/** Packs a body when it is long enough and packing makes it smaller. */
export function packIfSmaller(body: Buffer, packFromBytes: number): Buffer {
  if (body.length <= packFromBytes) return body;
  const packed = gzipSync(body, { level: packingLevel });
  if (packed.length + 8 >= body.length) return body;
  return new TlWriter().uint(gzipId).bytes(packed).finish();
}

/** rpc_result around an encoded answer. */
export function writeResult(messageId: bigint, answer: Uint8Array): Buffer {
  return new TlWriter().uint(rpcResultId).long(messageId).raw(answer).finish();
}

/** rpc_result around an rpc_error. */
export function writeError(messageId: bigint, code: number, message: string): Buffer {
  return new TlWriter()
    .uint(rpcResultId)
    .long(messageId)
    .uint(rpcErrorId)
    .int(code)
    .string(message)
    .finish();
}
