import type { TurnReply } from "../../ports/conversation/conversation-store.ts";
import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";

/** A claimed reply with its text, which stands in its turn. */
export interface OutboxRow {
  readonly channel: string;
  readonly account: string;
  readonly chat_user: string;
  readonly address: { readonly accessHash: string };
  readonly inbound_id: string;
  readonly reply_index: number;
  readonly random_id: string;
  readonly reply: TurnReply;
  readonly session_id: string;
  readonly seq: number;
  readonly attempted: boolean;
}

/** Of the rows `claimed`, each with `n`: as `OutboxRow`s, by the turns that they came from. */
export const claimedRows = `
  select c.n, c.id, c.channel, c.account, c.chat_user, c.address, t.inbound_id, c.reply_index,
    c.random_id::text, t.replies -> c.reply_index as reply, c.session_id::text, c.seq, c.attempted
  from claimed c join turns t on t.session_id = c.session_id and t.seq = c.seq - 1 - c.reply_index`;

export function toItem(row: OutboxRow): OutboxItem {
  return {
    id: `${row.session_id}:${row.seq}`,
    channel: row.channel,
    account: row.account,
    chatUser: row.chat_user,
    peer: { userId: row.chat_user, accessHash: row.address.accessHash },
    inboundId: row.inbound_id,
    replyIndex: row.reply_index,
    randomId: row.random_id,
    body: row.reply.body,
    menu: row.reply.menu,
    sessionId: row.session_id,
    seq: row.seq,
    attempted: row.attempted,
  };
}
