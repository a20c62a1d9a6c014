import type { TlObject } from "../../seam.ts";
import { acknowledge, nextSequence, sendContent } from "../sessions/session.ts";
import { decodeBoxed } from "../tl/decode.ts";
import { encodeBoxed } from "../tl/encode.ts";
import { isTlObject, longField } from "../tl/fields.ts";
import { TlReader } from "../tl/tl-reader.ts";
import { TlWriter } from "../tl/tl-writer.ts";
import { writeResult } from "./answer.ts";
import type { IncomingCall } from "./run-call.ts";

/** Carries out rpc_drop_answer (core.telegram.org/mtproto/service_messages#cancellation-of-an-rpc-query). */
export function dropAnswer(call: IncomingCall): void {
  const { context, session, receipt, body } = call;
  const { service } = context.schemas;
  const request = decodeBoxed(service, new TlReader(body));
  if (!isTlObject(request)) return;
  const writer = new TlWriter();
  encodeBoxed(service, writer, dropIn(call, longField(request, "req_msg_id")));
  receipt.state = "succeeded";
  const message = {
    messageId: context.messageIds.next("answer"),
    sequence: nextSequence(session, true),
    body: writeResult(receipt.messageId, writer.finish()),
    receipt,
  };
  sendContent(session, message, context.limits.unackedMax, context.stats);
}

function dropIn({ session }: IncomingCall, messageId: bigint): TlObject {
  const dropped = session.inbound.find(messageId);
  if (dropped?.state === "running") {
    dropped.isDropped = true;
    return { _: "rpc_answer_dropped_running" };
  }
  const answer = dropped?.answer;
  if (answer === undefined) return { _: "rpc_answer_unknown" };
  acknowledge(session, answer.messageId);
  return {
    _: "rpc_answer_dropped",
    msg_id: answer.messageId,
    seq_no: answer.sequence,
    bytes: answer.body.length,
  };
}
