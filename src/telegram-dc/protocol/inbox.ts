import type { ProtocolContext } from "./context.ts";
import type { Link } from "./link.ts";
import {
  containerConstructor,
  type WireMessage,
  readContainer,
  unpackBody,
} from "./messages/container.ts";
import type { OpenedMessage } from "./messages/envelope.ts";
import { messageIdSeconds } from "./messages/message-id.ts";
import { dropAnswer } from "./rpc/drop-answer.ts";
import { runCall } from "./rpc/run-call.ts";
import { handleServiceMessage, isServiceMessage } from "./service-messages.ts";
import { countIn } from "./stats.ts";
import { decodeBoxed } from "./tl/decode.ts";
import { isTlObject } from "./tl/fields.ts";
import { TlReader } from "./tl/tl-reader.ts";
import { type Session, createSession } from "./sessions/session.ts";

/** core.telegram.org/mtproto/description#message-identifier-msg-id: 300 seconds back, 30 ahead. */
const pastSecondsMax = 300;
const futureSecondsMax = 30;
/** Codes of core.telegram.org/mtproto/service_messages_about_messages#notice-of-ignored-error-message. */
const badMessageCodes = {
  idTooLow: 16,
  idTooHigh: 17,
  idNotDivisible: 18,
  containerIdSeen: 19,
  sequenceShouldBeEven: 34,
  sequenceShouldBeOdd: 35,
  badSalt: 48,
  containerInvalid: 64,
} as const;

/** Handles one decrypted frame: checks it, finds its session and carries its messages out. */
export function receiveMessage(context: ProtocolContext, link: Link, opened: OpenedMessage): void {
  const known = link.key.sessions.get(opened.sessionId);
  // A notice to a client without a session goes through a throwaway session.
  const session = known ?? createSession(opened.sessionId);
  if (!link.key.salts.accepts(opened.salt)) {
    context.stats.badServerSalts++;
    link.attach(session);
    const notice = {
      _: "bad_server_salt",
      bad_msg_id: opened.messageId,
      bad_msg_seqno: opened.sequence,
      error_code: badMessageCodes.badSalt,
      new_server_salt: link.key.salts.current(),
    };
    link.sendService(session, notice, false);
    return;
  }
  const errorCode = judgeId(context, opened.messageId);
  if (errorCode !== undefined) {
    link.attach(session);
    refuse(context, link, session, opened, errorCode);
    return;
  }
  receiveIn(context, link, session, opened, known === undefined);
}

function receiveIn(
  context: ProtocolContext,
  link: Link,
  session: Session,
  opened: OpenedMessage,
  isNew: boolean,
): void {
  const { id, body } = unpackBody(opened.body);
  const messages =
    id === containerConstructor ? readContainer(opened.messageId, body) : [{ ...opened, body }];
  if (isNew) openSession(context, link, session);
  link.attach(session);
  if (isNew) {
    const firstMessageId = (messages ?? []).reduce(
      (first, message) => (message.messageId < first ? message.messageId : first),
      opened.messageId,
    );
    const notice = {
      _: "new_session_created",
      first_msg_id: firstMessageId,
      unique_id: session.uniqueId,
      server_salt: link.key.salts.current(),
    };
    link.sendService(session, notice, true);
  }
  if (messages === undefined) {
    refuse(context, link, session, opened, badMessageCodes.containerInvalid);
    return;
  }
  if (id === containerConstructor && !takeContainer(context, link, session, opened)) return;
  for (const message of messages) receiveOne(context, link, session, message);
}

/**
 * Adds a session to its key. The session unused for longest, and without a connection, makes room.
 */
function openSession(context: ProtocolContext, link: Link, session: Session): void {
  const { sessions } = link.key;
  if (sessions.size >= context.limits.sessionsPerKeyMax) {
    for (const [id, other] of sessions) {
      if (other.link !== undefined) continue;
      sessions.delete(id);
      break;
    }
  }
  sessions.set(session.id, session);
}

function judgeId(context: ProtocolContext, messageId: bigint): number | undefined {
  if (messageId % 4n !== 0n) return badMessageCodes.idNotDivisible;
  const ageSeconds = Math.floor(context.clock.nowMs() / 1000) - messageIdSeconds(messageId);
  if (ageSeconds > pastSecondsMax) return badMessageCodes.idTooLow;
  return ageSeconds < -futureSecondsMax ? badMessageCodes.idTooHigh : undefined;
}

function refuse(
  context: ProtocolContext,
  link: Link,
  session: Session,
  message: WireMessage,
  errorCode: number,
): void {
  countIn(context.stats.badMessages, errorCode);
  const notice = {
    _: "bad_msg_notification",
    bad_msg_id: message.messageId,
    bad_msg_seqno: message.sequence,
    error_code: errorCode,
  };
  link.sendService(session, notice, false);
}

/** A repeated container is read again: its messages know whether they were handled. */
function takeContainer(
  context: ProtocolContext,
  link: Link,
  session: Session,
  container: WireMessage,
): boolean {
  const verdict = session.inbound.judge(container.messageId, container.sequence);
  if (verdict === "new") {
    if (container.sequence % 2 !== 0) {
      refuse(context, link, session, container, badMessageCodes.sequenceShouldBeEven);
      return false;
    }
    return true;
  }
  const errorCode = "errorCode" in verdict ? verdict.errorCode : badMessageCodes.containerIdSeen;
  refuse(context, link, session, container, errorCode);
  return false;
}

function receiveOne(
  context: ProtocolContext,
  link: Link,
  session: Session,
  message: WireMessage,
): void {
  if (message.messageId % 4n !== 0n) {
    refuse(context, link, session, message, badMessageCodes.idNotDivisible);
    return;
  }
  const isContent = message.sequence % 2 !== 0;
  const verdict = session.inbound.judge(message.messageId, message.sequence);
  if (verdict !== "new" && "errorCode" in verdict) {
    refuse(context, link, session, message, verdict.errorCode);
    return;
  }
  if (verdict !== "new") {
    context.stats.duplicateMessages++;
    const { answer } = verdict.duplicateOf;
    if (answer !== undefined) link.resend(session, answer);
    else if (isContent) acknowledgeSoon(session, message.messageId);
    return;
  }
  dispatch(context, link, session, message, isContent);
}

function acknowledgeSoon(session: Session, messageId: bigint): void {
  session.acksDue.push(messageId);
  session.link?.requestFlush();
}

function dispatch(
  context: ProtocolContext,
  link: Link,
  session: Session,
  message: WireMessage,
  isContent: boolean,
): void {
  const { id, body } = unpackBody(message.body);
  const { messageId, sequence } = message;
  const service = context.schemas.service.byId.get(id)?.name;
  const isCall = service === undefined || !isServiceMessage(service);
  if (isCall && !isContent) {
    refuse(context, link, session, message, badMessageCodes.sequenceShouldBeOdd);
    return;
  }
  const receipt = session.inbound.take(messageId, sequence, isCall);
  // Messages of MTProto itself get replies of their own, whatever sequence number libraries give
  // them.
  if (isCall) acknowledgeSoon(session, messageId);
  if (service === "rpc_drop_answer") dropAnswer({ context, link, session, receipt, body });
  else if (isCall) runCall({ context, link, session, receipt, body });
  else {
    const decoded = decodeBoxed(context.schemas.service, new TlReader(body));
    if (isTlObject(decoded)) {
      handleServiceMessage({ context, link, session, messageId, message: decoded });
    }
  }
}
