import { gzipSync } from "node:zlib";
import { GZIP_ID } from "../tl/decode.ts";
import { TlWriter } from "../tl/tl-writer.ts";

const RPC_RESULT_ID = 0xf35c6d01;
const RPC_ERROR_ID = 0x2144ca19;
const PACKING_LEVEL = 1;

/** Packs a body when it is long enough and packing makes it smaller. */
export function packIfSmaller(body: Buffer, packFromBytes: number): Buffer {
  if (body.length <= packFromBytes) return body;
  const packed = gzipSync(body, { level: PACKING_LEVEL });
  if (packed.length + 8 >= body.length) return body;
  return new TlWriter().uint(GZIP_ID).bytes(packed).finish();
}

/** rpc_result around an encoded answer. */
export function writeResult(messageId: bigint, answer: Uint8Array): Buffer {
  return new TlWriter().uint(RPC_RESULT_ID).long(messageId).raw(answer).finish();
}

/** rpc_result around an rpc_error. */
export function writeError(messageId: bigint, code: number, message: string): Buffer {
  return new TlWriter()
    .uint(RPC_RESULT_ID)
    .long(messageId)
    .uint(RPC_ERROR_ID)
    .int(code)
    .string(message)
    .finish();
}
