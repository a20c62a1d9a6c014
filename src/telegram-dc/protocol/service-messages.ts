import type { TlObject } from "../seam.ts";
import type { ProtocolContext } from "./context.ts";
import { ownerOf } from "./keys/auth-key.ts";
import type { Link } from "./link.ts";
import { acknowledge, type Session } from "./sessions/session.ts";
import { longField, longsField, numberField } from "./tl/fields.ts";

/** One message of MTProto itself, with everything needed to answer it. */
interface ServiceCall {
  readonly context: ProtocolContext;
  readonly link: Link;
  readonly session: Session;
  readonly messageId: bigint;
  readonly message: TlObject;
}
type ServiceHandler = (call: ServiceCall) => void;

function answerPing({ link, session, messageId, message }: ServiceCall): void {
  const pong = { _: "pong", msg_id: messageId, ping_id: longField(message, "ping_id") };
  link.sendService(session, pong, false);
}

function answerPingWithDisconnect(call: ServiceCall): void {
  answerPing(call);
  call.link.disconnectAfter(numberField(call.message, "disconnect_delay") * 1000);
}

function takeAcks({ session, message }: ServiceCall): void {
  for (const messageId of longsField(message, "msg_ids")) acknowledge(session, messageId);
}

function resendRequested({ context, link, session, messageId, message }: ServiceCall): void {
  const unknown: bigint[] = [];
  for (const wanted of longsField(message, "msg_ids")) {
    const kept = session.unacked.get(wanted);
    if (kept === undefined) unknown.push(wanted);
    else {
      context.stats.resentMessages++;
      link.resend(session, kept);
    }
  }
  if (unknown.length > 0) {
    const info = Buffer.alloc(unknown.length, 1);
    link.sendService(session, { _: "msgs_state_info", req_msg_id: messageId, info }, false);
  }
}

/** Answers still unacknowledged go first, so that the client does not repeat the call. */
function answerStateRequest({ context, link, session, messageId, message }: ServiceCall): void {
  const asked = longsField(message, "msg_ids");
  for (const id of asked) {
    const answer = session.inbound.find(id)?.answer;
    if (answer === undefined) continue;
    context.stats.resentMessages++;
    link.resend(session, answer);
  }
  const info = Buffer.from(asked.map((id) => session.inbound.stateByte(id)));
  link.sendService(session, { _: "msgs_state_info", req_msg_id: messageId, info }, false);
}

function answerFutureSalts({ context, link, session, messageId, message }: ServiceCall): void {
  const salts = link.key.salts.future(numberField(message, "num")).map((salt) => ({
    _: "future_salt",
    valid_since: salt.validSince,
    valid_until: salt.validUntil,
    salt: salt.salt,
  }));
  const now = Math.floor(context.clock.nowMs() / 1000);
  link.sendService(session, { _: "future_salts", req_msg_id: messageId, now, salts }, false);
}

function destroySession({ link, session, message }: ServiceCall): void {
  const sessionId = longField(message, "session_id");
  const isOther = sessionId !== session.id;
  const isDestroyed = isOther && link.key.sessions.delete(sessionId);
  const answer = isDestroyed ? "destroy_session_ok" : "destroy_session_none";
  link.sendService(session, { _: answer, session_id: sessionId }, true);
}

function destroyAuthKey({ context, link, session }: ServiceCall): void {
  link.sendService(session, { _: "destroy_auth_key_ok" }, true);
  context.keys.destroy(ownerOf(link.key) ?? link.key);
}

function tolerate(): void {
  // Over TCP, long polling and the client's reports on our messages change nothing.
}

const handlers: ReadonlyMap<string, ServiceHandler> = new Map<string, ServiceHandler>([
  ["ping", answerPing],
  ["ping_delay_disconnect", answerPingWithDisconnect],
  ["msgs_ack", takeAcks],
  ["msg_resend_req", resendRequested],
  ["msgs_state_req", answerStateRequest],
  ["get_future_salts", answerFutureSalts],
  ["destroy_session", destroySession],
  ["destroy_auth_key", destroyAuthKey],
  ["http_wait", tolerate],
  ["msgs_state_info", tolerate],
  ["msgs_all_info", tolerate],
  ["msg_detailed_info", tolerate],
  ["msg_new_detailed_info", tolerate],
]);

/** Whether a message of this name is answered here, not by the world. */
export function isServiceMessage(name: string): boolean {
  return handlers.has(name);
}

/** Carries out one message of MTProto itself (core.telegram.org/mtproto/service_messages). */
export function handleServiceMessage(call: ServiceCall): void {
  handlers.get(call.message._)?.(call);
}
