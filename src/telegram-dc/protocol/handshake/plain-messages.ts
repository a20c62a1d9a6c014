import type { Connection, TlObject } from "../../seam.ts";
import type { Channel } from "../channel.ts";
import type { ProtocolContext } from "../context.ts";
import { decodeBoxed } from "../tl/decode.ts";
import { encodeBoxed } from "../tl/encode.ts";
import { isTlObject } from "../tl/fields.ts";
import { TlReader } from "../tl/tl-reader.ts";
import { TlWriter } from "../tl/tl-writer.ts";
import { type Handshake, createHandshake } from "./handshake.ts";

/** auth_key_id = 0, message_id, length (core.telegram.org/mtproto/description#unencrypted-message). */
const headBytes = 20;
const lengthOffset = 16;

/** Handles the unencrypted messages of one connection: those of the key exchange. */
export function createPlainMessages(
  context: ProtocolContext,
  connection: Connection,
  channel: Channel,
): (frame: Buffer) => void {
  const { clock, rsa, dcId, schemas, stats, keys, messageIds, world } = context;
  let handshake: Handshake | undefined;

  function send(message: TlObject): void {
    const writer = new TlWriter();
    encodeBoxed(schemas.service, writer, message);
    const body = writer.finish();
    const head = Buffer.alloc(headBytes);
    head.writeBigInt64LE(messageIds.next("answer"), 8);
    head.writeInt32LE(body.length, lengthOffset);
    channel.write(Buffer.concat([head, body]));
  }

  return (frame) => {
    if (frame.length < headBytes + 4) {
      channel.refuse(404);
      return;
    }
    const bodyEnd = headBytes + frame.readUInt32LE(lengthOffset);
    const message = decodeBoxed(schemas.service, new TlReader(frame.subarray(headBytes, bodyEnd)));
    if (!isTlObject(message)) {
      channel.refuse(404);
      return;
    }
    handshake ??= createHandshake({ clock, rsa, dcId, service: schemas.service });
    const step = handshake.receive(message);
    if (step.kind === "refuse") {
      stats.handshakesRefused++;
      context.onIncident({
        code: "HANDSHAKE_REFUSED",
        message: `The key exchange of connection ${connection.id} was refused: ${step.reason}. Correct the client.`,
      });
      channel.refuse(step.transportError);
      return;
    }
    if (step.newKey !== undefined) {
      stats.keysMade++;
      keys.add(step.newKey);
      world.onAuthKey(connection, step.newKey.hexId, step.newKey.kind);
    }
    send(step.answer);
  };
}
