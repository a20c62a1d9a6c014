import type { AuthKey } from "./keys/auth-key.ts";
import {
  containerBytesMax,
  containerMessagesMax,
  type WireMessage,
  writeContainer,
} from "./messages/container.ts";
import { type MessageToSeal, sealFrame } from "./messages/envelope.ts";
import type { MessageIdSource } from "./messages/message-id.ts";
import { type Session, nextSequence } from "./sessions/session.ts";
import { TlWriter } from "./tl/tl-writer.ts";

const msgsAckId = 0x62d6b459;
const vectorId = 0x1cb5c415;
const acksMax = 8_192;

/**
 * Sends the messages of one turn of the event loop in as few frames as the limits of containers
 * allow.
 */
export interface Outbox {
  add(session: Session, message: WireMessage): void;
  requestFlush(session: Session): void;
  /** Sends the waiting messages at once. */
  flush(): void;
}

/**
 * @param currentKey the key of the client's latest frame.
 * @param write takes sealed frames.
 */
export function createOutbox(
  messageIds: MessageIdSource,
  currentKey: () => AuthKey | undefined,
  write: (frame: Buffer) => void,
): Outbox {
  const waiting = new Map<Session, WireMessage[]>();
  let isScheduled = false;

  function messagesOf(session: Session): WireMessage[] {
    const known = waiting.get(session);
    if (known !== undefined) return known;
    const messages: WireMessage[] = [];
    waiting.set(session, messages);
    if (!isScheduled) {
      isScheduled = true;
      setImmediate(flush);
    }
    return messages;
  }

  function flush(): void {
    isScheduled = false;
    const key = currentKey();
    for (const [session, messages] of waiting) {
      waiting.delete(session);
      const acks = takeAcks(messageIds, session);
      if (acks !== undefined) messages.unshift(acks);
      if (key === undefined) continue;
      for (const batch of splitBatches(messages)) {
        write(sealFrame(key, toFrame(messageIds, session, batch)));
      }
    }
  }

  return {
    add(session, message) {
      messagesOf(session).push(message);
    },
    requestFlush(session) {
      messagesOf(session);
    },
    flush,
  };
}

function takeAcks(messageIds: MessageIdSource, session: Session): WireMessage | undefined {
  // The answer to a call acknowledges that call.
  const acks = session.acksDue
    .splice(0, acksMax)
    .filter((messageId) => session.inbound.find(messageId)?.answer === undefined);
  if (acks.length === 0) return undefined;
  const writer = new TlWriter().uint(msgsAckId).uint(vectorId).int(acks.length);
  for (const messageId of acks) writer.long(messageId);
  return {
    messageId: messageIds.next("notice"),
    sequence: nextSequence(session, false),
    body: writer.finish(),
  };
}

function splitBatches(messages: readonly WireMessage[]): WireMessage[][] {
  const batches: WireMessage[][] = [];
  let batch: WireMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const isFull =
      batch.length === containerMessagesMax || bytes + message.body.length + 16 > containerBytesMax;
    if (isFull && batch.length > 0) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += message.body.length + 16;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

function toFrame(
  messageIds: MessageIdSource,
  session: Session,
  batch: readonly WireMessage[],
): MessageToSeal {
  const [only] = batch;
  if (batch.length === 1 && only !== undefined) return { ...only, sessionId: session.id };
  return {
    sessionId: session.id,
    messageId: messageIds.next("notice"),
    sequence: nextSequence(session, false),
    body: writeContainer(batch),
  };
}
