import { storableJson, storableText } from "../../ports/conversation/storable-text.ts";
import type { LoadedSession, TurnRecord } from "../../ports/conversation/conversation-store.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import { resolveInput } from "./menu.ts";

/** As the store would answer them if they were claimed after the commit. */
export function claimedItems(record: TurnRecord): readonly OutboxItem[] {
  const { channel, account, chatUser, peer, session } = record;
  const inboundId = storableText(record.inboundId);
  return record.replies.map(({ seq, body, menu, randomId }, replyIndex) => ({
    id: `${session.id}:${seq}`,
    channel,
    account,
    chatUser,
    peer,
    inboundId,
    replyIndex,
    randomId,
    body: storableText(body),
    menu: menu && (JSON.parse(storableJson(menu)) as typeof menu),
    sessionId: session.id,
    seq,
    attempted: false,
  }));
}

/** What came of a tap; null: a person answers. */
export function choiceOutcome(item: InboundItem, session: LoadedSession, replies: number) {
  // A person answers.
  if (session.decision === "SESSION_WITH_HUMAN") return null;
  if (resolveInput(item, session, "buttons").input.kind === "stale-action") return "stale";
  return replies === 0 ? "empty" : "resolved";
}
