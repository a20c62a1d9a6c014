import type { TlObject } from "../seam.ts";
import { type ProtocolContext, reportUnencodable } from "./context.ts";
import { type AuthKey, ownerOf } from "./keys/auth-key.ts";
import { type Outbox, createOutbox } from "./outbox.ts";
import { packIfSmaller } from "./rpc/answer.ts";
import type { OutgoingMessage } from "./sessions/messages.ts";
import { type Session, type SessionLink, nextSequence, sendContent } from "./sessions/session.ts";
import { encodeBoxed } from "./tl/encode.ts";
import { TlWriter } from "./tl/tl-writer.ts";

/** The session that a connection serves at the moment, and the way to its client. */
export interface SessionBinding {
  /** Serves a session from here on; its unacknowledged messages are sent again. */
  readonly attach: (session: Session) => void;
  detach(): void;
  readonly resend: (session: Session, message: OutgoingMessage) => void;
  readonly sendService: (session: Session, message: TlObject, isContent: boolean) => void;
  /** Sends updates in the client's layer; does nothing before the client's first session. */
  readonly push: (updates: TlObject) => void;
  flush(): void;
}

/**
 * @param currentKey the key of the client's latest frame.
 * @param write takes sealed frames.
 */
export function createSessionBinding(
  context: ProtocolContext,
  currentKey: () => AuthKey | undefined,
  write: (frame: Buffer) => void,
): SessionBinding {
  const { schemas, messageIds, stats, limits } = context;
  const outbox: Outbox = createOutbox(messageIds, currentKey, write);
  const scratch = new TlWriter();
  let session: Session | undefined;

  const link: SessionLink = {
    enqueue(message) {
      if (session !== undefined) outbox.add(session, message);
    },
    requestFlush() {
      if (session !== undefined) outbox.requestFlush(session);
    },
  };

  function detach(): void {
    if (session?.link === link) session.link = undefined;
  }

  return {
    attach(target) {
      if (session === target && target.link === link) return;
      detach();
      session = target;
      target.link = link;
      for (const message of target.unacked.values()) {
        stats.resentMessages++;
        outbox.add(target, message);
      }
    },
    detach,
    resend(target, message) {
      outbox.add(target, message);
    },
    sendService(target, message, isContent) {
      encodeBoxed(schemas.service, scratch.reset(), message);
      const outgoing: OutgoingMessage = {
        messageId: messageIds.next(message._ === "pong" ? "answer" : "notice"),
        sequence: nextSequence(target, isContent),
        body: scratch.finish(),
        receipt: undefined,
      };
      if (isContent) sendContent(target, outgoing, limits.unackedMax, stats);
      else outbox.add(target, outgoing);
    },
    push(updates) {
      const key = currentKey();
      if (session === undefined || key === undefined) return;
      try {
        encodeBoxed(schemas.resolve(ownerOf(key)?.layer ?? 0), scratch.reset(), updates);
      } catch (cause) {
        reportUnencodable(context, `The pushed ${updates._}`, cause);
        return;
      }
      const outgoing: OutgoingMessage = {
        messageId: messageIds.next("notice"),
        sequence: nextSequence(session, true),
        body: packIfSmaller(scratch.finish(), limits.packFromBytes),
        receipt: undefined,
      };
      sendContent(session, outgoing, limits.unackedMax, stats);
    },
    flush: () => {
      outbox.flush();
    },
  };
}
