import type { Socket } from "node:net";
import type { Connection, TlObject } from "../seam.ts";
import type { ProtocolContext } from "./context.ts";
import { type Handshake, createHandshake } from "./handshake/handshake.ts";
import { type AuthKey, ownerOf } from "./keys/auth-key.ts";
import type { Link } from "./link.ts";
import { openFrame } from "./messages/envelope.ts";
import { type Outbox, createOutbox } from "./outbox.ts";
import { packIfSmaller } from "./rpc/answer.ts";
import { receiveMessage } from "./sessions/inbox.ts";
import {
  type OutgoingMessage,
  type Session,
  type SessionLink,
  nextSequence,
  sendContent,
} from "./sessions/session.ts";
import { decodeBoxed } from "./tl/decode.ts";
import { encodeBoxed } from "./tl/encode.ts";
import { isTlObject } from "./tl/fields.ts";
import { TlReader } from "./tl/tl-reader.ts";
import { TlWriter } from "./tl/tl-writer.ts";
import { createFrameStream } from "./transport/frame-stream.ts";

const PLAIN_HEAD_BYTES = 20;

/** Serves one accepted socket until it closes. */
export function serveConnection(
  context: ProtocolContext,
  socket: Socket,
  id: number,
  isMedia: boolean,
): Connection {
  const { world, keys, schemas, messageIds, stats, limits } = context;
  const frames = createFrameStream();
  const scratch = new TlWriter();
  let key: AuthKey | undefined;
  let session: Session | undefined;
  let handshake: Handshake | undefined;
  let wantsUpdates = true;
  let isClosing = false;
  let cancelDisconnect: (() => void) | undefined;
  const address = socket.remoteAddress ?? "";
  const port = socket.remotePort ?? 0;

  function write(payload: Uint8Array): void {
    if (socket.destroyed || !socket.writable) return;
    socket.write(frames.send(payload));
    if (socket.writableLength > limits.unsentBytesMax) {
      stats.slowReaders++;
      close("reset");
    }
  }
  const outbox: Outbox = createOutbox(messageIds, () => key, write);

  function close(how: "finish" | "reset"): void {
    if (how === "reset") {
      isClosing = true;
      socket.resetAndDestroy();
      return;
    }
    if (isClosing) return;
    outbox.flush();
    isClosing = true;
    socket.end();
  }

  /** Answers a transport error (core.telegram.org/mtproto/mtproto-transports#transport-errors) and closes. */
  function refuse(transportError: 404 | 444): void {
    const payload = Buffer.alloc(4);
    payload.writeInt32LE(-transportError);
    write(payload);
    isClosing = true;
    socket.end();
  }

  const connection: Connection = {
    id,
    address,
    port,
    isMedia,
    get authKeyId() {
      return key === undefined ? undefined : ownerOf(key)?.hexId;
    },
    get identity() {
      return key === undefined ? undefined : ownerOf(key)?.identity;
    },
    get wantsUpdates() {
      return wantsUpdates && key !== undefined && ownerOf(key)?.layer !== undefined;
    },
    push(updates) {
      if (session === undefined || key === undefined) return;
      const layer = schemas.resolve(ownerOf(key)?.layer ?? 0);
      encodeBoxed(layer, scratch.reset(), updates);
      const message = {
        messageId: messageIds.next("notice"),
        sequence: nextSequence(session, true),
        body: packIfSmaller(scratch.finish(), limits.packFromBytes),
        receipt: undefined,
      };
      sendContent(session, message, limits.unackedMax, stats);
    },
    close,
  };

  function sendService(target: Session, message: TlObject, isContent: boolean): void {
    encodeBoxed(schemas.service, scratch.reset(), message);
    const outgoing: OutgoingMessage = {
      messageId: messageIds.next(message._ === "pong" ? "answer" : "notice"),
      sequence: nextSequence(target, isContent),
      body: scratch.finish(),
      receipt: undefined,
    };
    if (isContent) sendContent(target, outgoing, limits.unackedMax, stats);
    else outbox.add(target, outgoing);
  }

  function attach(target: Session): void {
    if (session === target && target.link === sessionLink) return;
    detach();
    session = target;
    target.link = sessionLink;
    for (const message of target.unacked.values()) {
      stats.resentMessages++;
      outbox.add(target, message);
    }
  }

  function detach(): void {
    if (session?.link === sessionLink) session.link = undefined;
  }

  const sessionLink: SessionLink = {
    enqueue(message) {
      if (session !== undefined) outbox.add(session, message);
    },
    requestFlush() {
      if (session !== undefined) outbox.requestFlush(session);
    },
  };

  function linkWith(current: AuthKey): Link {
    return {
      connection,
      key: current,
      resend: (target, message) => {
        outbox.add(target, message);
      },
      sendService,
      attach,
      stopUpdates() {
        wantsUpdates = false;
      },
      disconnectAfter(delayMs) {
        cancelDisconnect?.();
        cancelDisconnect = context.clock.schedule(delayMs, () => {
          close("reset");
        });
      },
    };
  }

  function onPlainFrame(frame: Buffer): void {
    if (frame.length < PLAIN_HEAD_BYTES + 4) {
      refuse(404);
      return;
    }
    const body = frame.subarray(PLAIN_HEAD_BYTES, PLAIN_HEAD_BYTES + frame.readUInt32LE(16));
    const { clock, rsa, dcId } = context;
    handshake ??= createHandshake({ clock, rsa, dcId, service: schemas.service });
    const message = decodeBoxed(schemas.service, new TlReader(body));
    if (!isTlObject(message)) {
      refuse(404);
      return;
    }
    const step = handshake.receive(message);
    if (step.kind === "refuse") {
      stats.handshakesRefused++;
      context.onIncident({
        code: "HANDSHAKE_REFUSED",
        message: `The key exchange of connection ${id} was refused: ${step.reason}. Correct the client.`,
      });
      refuse(step.transportError);
      return;
    }
    if (step.newKey !== undefined) {
      stats.keysMade++;
      keys.add(step.newKey);
      world.onAuthKey(connection, step.newKey.hexId, step.newKey.kind);
    }
    encodeBoxed(schemas.service, scratch.reset(), step.answer);
    const answer = scratch.finish();
    const head = Buffer.alloc(PLAIN_HEAD_BYTES);
    head.writeBigInt64LE(messageIds.next("answer"), 8);
    head.writeInt32LE(answer.length, 16);
    write(Buffer.concat([head, answer]));
  }

  function onFrame(frame: Buffer): void {
    stats.frames++;
    const keyId = frame.length < 8 ? undefined : frame.readBigInt64LE(0);
    if (keyId === 0n) {
      onPlainFrame(frame);
      return;
    }
    const found = keyId === undefined ? undefined : keys.find(keyId);
    if (found === undefined) {
      stats.unknownKeyFrames++;
      refuse(404);
      return;
    }
    const opened = openFrame(found, frame);
    if (opened === undefined) {
      stats.damagedFrames++;
      refuse(404);
      return;
    }
    key = found;
    if (ownerOf(found) !== undefined) {
      const verdict = world.onFrame(connection);
      if (verdict === "ignore") return;
      if (verdict === 404) {
        refuse(404);
        return;
      }
    }
    receiveMessage(context, linkWith(found), opened);
  }

  socket.on("data", (bytes) => {
    if (isClosing || typeof bytes === "string") return;
    try {
      for (const frame of frames.receive(bytes)) if (!isClosing) onFrame(frame.payload);
    } catch {
      stats.damagedFrames++;
      close("reset");
    }
  });
  socket.on("error", () => {
    // The close event follows and carries all that is needed.
  });
  socket.once("close", () => {
    isClosing = true;
    cancelDisconnect?.();
    detach();
    world.onClose(connection, socket.bytesRead, socket.bytesWritten);
  });
  world.onConnect(connection);
  return connection;
}
