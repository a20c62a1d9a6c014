import { randomBytes } from "node:crypto";
import type { ProtocolStats } from "../stats.ts";
import { type InboundWindow, createInboundWindow } from "./inbound-window.ts";
import type { OutgoingMessage } from "./messages.ts";

/** The connection that serves a session. */
export interface SessionLink {
  enqueue(message: OutgoingMessage): void;
  /** Asks for a frame with acknowledgements alone, when no message waits. */
  requestFlush(): void;
}

/**
 * One session of a client (core.telegram.org/mtproto/description#session). It outlives its
 * connections; the next one sends unacknowledged messages again.
 */
export interface Session {
  readonly id: bigint;
  /** Tells the client that its session was made anew. */
  readonly uniqueId: bigint;
  readonly inbound: InboundWindow;
  /** Content messages sent and not yet acknowledged, by message id, oldest first. */
  readonly unacked: Map<bigint, OutgoingMessage>;
  /** Content messages sent so far. */
  contentSent: number;
  /** The client's messages that the next frame acknowledges. */
  acksDue: bigint[];
  link: SessionLink | undefined;
}

/** A session without messages. */
export function createSession(id: bigint): Session {
  return {
    id,
    uniqueId: randomBytes(8).readBigInt64LE(0),
    inbound: createInboundWindow(),
    unacked: new Map(),
    contentSent: 0,
    acksDue: [],
    link: undefined,
  };
}

/**
 * Sequence number of the next message; content messages count
 * (core.telegram.org/mtproto/description#message-sequence-number-msg-seqno).
 */
export function nextSequence(session: Session, isContent: boolean): number {
  if (!isContent) return session.contentSent * 2;
  return session.contentSent++ * 2 + 1;
}

/**
 * Sends a message that the client must acknowledge, and keeps it until then. Beyond the bound the
 * oldest are dropped.
 */
export function sendContent(
  session: Session,
  message: OutgoingMessage,
  unackedMax: number,
  stats: ProtocolStats,
): void {
  session.unacked.set(message.messageId, message);
  if (message.receipt !== undefined) message.receipt.answer = message;
  if (session.unacked.size > unackedMax) {
    const oldest = session.unacked.keys().next();
    if (oldest.done !== true) acknowledge(session, oldest.value);
    stats.unackedDropped++;
  }
  session.link?.enqueue(message);
}

/** Forgets an acknowledged message. */
export function acknowledge(session: Session, messageId: bigint): void {
  const message = session.unacked.get(messageId);
  if (message === undefined) return;
  session.unacked.delete(messageId);
  if (message.receipt !== undefined) message.receipt.answer = undefined;
}
