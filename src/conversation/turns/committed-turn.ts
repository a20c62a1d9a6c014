import { storableJson, storableText } from "../../ports/conversation/storable-text.ts";
import type { LoadedSession, TurnRecord } from "../../ports/conversation/conversation-store.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import type { ResolvedInput } from "./menu.ts";
import type { TurnRunOptions } from "./run-options.ts";

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

/** The outcome of a tap; null: a person answers. */
function choiceOutcome(resolved: ResolvedInput | null, replies: number) {
  if (resolved === null) return null;
  if (resolved.input.kind === "stale-action") return "stale";
  return replies === 0 ? "empty" : "resolved";
}

export function reportDecision(
  options: Pick<TurnRunOptions, "onDecision">,
  item: InboundItem,
  session: LoadedSession,
  { status, replies }: TurnRecord,
  resolved: ResolvedInput | null,
): void {
  const { channel, account, chatUser, inboundId } = item;
  options.onDecision({
    turnId: `${channel}:${account}:${inboundId}`,
    key: { channel, account, chatUser },
    session,
    code: session.decision,
    statusAfter: status,
    choice: item.kind === "tap" ? choiceOutcome(resolved, replies.length) : null,
  });
}
