import type { MenuChoice, OutboxItem, OutboxStore } from "../../ports/conversation-store.ts";
import type { Database } from "./database.ts";

interface OutboxRow {
  readonly id: string;
  readonly channel: string;
  readonly account: string;
  readonly chat_user: string;
  readonly address: { readonly accessHash: string };
  readonly inbound_id: string;
  readonly reply_index: number;
  readonly random_id: string;
  readonly body: string;
  readonly menu: readonly MenuChoice[] | null;
  readonly session_id: string;
  readonly seq: number;
  readonly attempted: boolean;
}

/** Nothing is claimed unless the token is still held under this very epoch, locked meanwhile. */
const claimRows = `
  with holder as (
    select from tokens where account = $1 and slot = $2 and epoch = $3
      and state in ('connected', 'draining') for share
  ), picked as (
    select id, state from outbox where account = $1 and exists (select from holder)
      and (state = 'pending' or ($5 and state = 'sending'))
    order by id limit $4 for update
  ), claimed as (
    update outbox o set state = 'sending', slot = $2, epoch = $3, changed_at = now()
    from picked where o.id = picked.id
    returning o.id::text, o.channel, o.account, o.chat_user, o.address, o.inbound_id, o.reply_index,
      o.random_id::text, o.body, o.menu, o.session_id::text, o.seq, picked.state = 'sending' as attempted
  )
  select exists (select from holder) as held,
    (select json_agg(c order by c.id::bigint) from claimed c) as rows`;

export function createOutboxStore(database: Database): OutboxStore {
  return {
    async claim({ account, slot, epoch }, { limit, recover }) {
      const [claim] = await database.query<{ held: boolean; rows: readonly OutboxRow[] | null }>(
        claimRows,
        [account, slot, epoch, limit, recover],
      );
      return claim!.held ? (claim!.rows ?? []).map(toItem) : null;
    },
    async settle(results) {
      if (results.length === 0) return;
      const rows = results.map((result) => ({
        id: result.id,
        state: "messageId" in result ? "sent" : "failure" in result ? "failed" : "pending",
        message_id: "messageId" in result ? result.messageId : null,
        failure: "failure" in result ? result.failure : null,
      }));
      await database.query(
        `update outbox o set state = r.state, message_id = r.message_id, failure = r.failure,
           changed_at = now()
         from jsonb_to_recordset($1::jsonb) as r(id bigint, state text, message_id int, failure text)
         where o.id = r.id and o.state = 'sending'`,
        [JSON.stringify(rows)],
      );
    },
    async knownMessageIds({ channel, account, chatUser }, fromMessageId) {
      const rows = await database.query<{ message_id: number }>(
        `select message_id from outbox where channel = $1 and account = $2 and chat_user = $3
           and message_id >= $4`,
        [channel, account, chatUser, fromMessageId],
      );
      return new Set(rows.map(({ message_id }) => message_id));
    },
    async pendingAmong(accounts) {
      const rows = await database.query<{ account: string }>(
        `select a.account from unnest($1::text[]) as a (account)
         where exists (select from outbox o where o.account = a.account and o.state = 'pending')`,
        [accounts],
      );
      return rows.map(({ account }) => account);
    },
    async unsent(account) {
      const [row] = await database.query<{ unsent: string }>(
        "select count(*) as unsent from outbox where account = $1 and state in ('pending', 'sending')",
        [account],
      );
      return Number(row!.unsent);
    },
  };
}

function toItem(row: OutboxRow): OutboxItem {
  return {
    id: row.id,
    channel: row.channel,
    account: row.account,
    chatUser: row.chat_user,
    peer: { userId: row.chat_user, accessHash: row.address.accessHash },
    inboundId: row.inbound_id,
    replyIndex: row.reply_index,
    randomId: row.random_id,
    body: row.body,
    menu: row.menu,
    sessionId: row.session_id,
    seq: row.seq,
    attempted: row.attempted,
  };
}
