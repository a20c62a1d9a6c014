import { gzipId, unpack } from "../tl/decode.ts";
import { TlReader } from "../tl/tl-reader.ts";
import { TlWriter } from "../tl/tl-writer.ts";

export const containerConstructor = 0x73f1f8dc;
/** core.telegram.org/mtproto/service_messages#simple-container: at most 1,020 messages and 1 MiB. */
export const containerMessagesMax = 1_020;
export const containerBytesMax = 1024 * 1024;

/** One message as it stands in a frame or in a container. */
export interface WireMessage {
  readonly messageId: bigint;
  readonly sequence: number;
  readonly body: Buffer;
}

/** The message's constructor id; a message packed as a whole is unpacked first. */
export function unpackBody(body: Buffer): { readonly id: number; readonly body: Buffer } {
  const reader = new TlReader(body);
  const id = reader.peekUint();
  if (id !== gzipId) return { id, body };
  reader.uint();
  const unpacked = unpack(reader);
  return { id: unpacked.peekUint(), body: unpacked.buffer };
}

/**
 * Reads the messages of a container.
 * @returns undefined when it is malformed, nests another one, or holds a message younger than
 * itself.
 */
export function readContainer(containerId: bigint, body: Buffer): WireMessage[] | undefined {
  const reader = new TlReader(body, 4);
  const count = reader.uint();
  if (count > containerMessagesMax) return undefined;
  const messages: WireMessage[] = [];
  for (let index = 0; index < count; index++) {
    if (reader.remainingBytes < 16) return undefined;
    const messageId = reader.long();
    const sequence = reader.int();
    const bytes = reader.uint();
    if (bytes < 4 || bytes % 4 !== 0 || bytes > reader.remainingBytes) return undefined;
    const inner = reader.raw(bytes);
    if (messageId >= containerId || inner.readUInt32LE(0) === containerConstructor)
      return undefined;
    messages.push({ messageId, sequence, body: inner });
  }
  return messages;
}

/** Writes messages into a container body. */
export function writeContainer(messages: readonly WireMessage[]): Buffer {
  const writer = new TlWriter().uint(containerConstructor).int(messages.length);
  for (const { messageId, sequence, body } of messages) {
    writer.long(messageId).int(sequence).int(body.length).raw(body);
  }
  return writer.finish();
}
