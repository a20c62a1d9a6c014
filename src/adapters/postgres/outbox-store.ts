import { tokenMachine, type TokenRules, tokenRules } from "../../../machines/token.ts";
import type { TurnReply } from "../../ports/conversation/conversation-store.ts";
import type {
  OutboxItem,
  OutboxStore,
  PartitionReplies,
} from "../../ports/conversation/outbox-store.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import { createBatcher } from "./batcher.ts";
import type { Database } from "./database.ts";
import { tokenStatements } from "./token-statements.ts";

/** A claimed reply with its text, which stands in its turn. */
interface OutboxRow {
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
const claimedRows = `
  select c.n, c.id, c.channel, c.account, c.chat_user, c.address, t.inbound_id, c.reply_index,
    c.random_id::text, t.replies -> c.reply_index as reply, c.session_id::text, c.seq, c.attempted
  from claimed c join turns t on t.session_id = c.session_id and t.seq = c.seq - 1 - c.reply_index`;

/**
 * Nothing is claimed unless the token is still held under that very epoch, locked meanwhile. Tokens are locked in the
 * order of their accounts.
 */
const claimRows = (mayWrite: string): string => `
  with i as materialized (
    select * from json_to_recordset($1::json) as i(n int, account text, slot int, epoch bigint, top int, recover boolean)
  ), holder as materialized (
    select i.n, i.account, i.slot, i.epoch, i.top, i.recover from i
    join tokens t on t.account = i.account and t.slot = i.slot and t.epoch = i.epoch
      and ${mayWrite}
    order by i.account for share of t
  ), picked as materialized (
    select h.n, h.slot, h.epoch, p.session_id, p.seq, p.state from holder h cross join lateral (
      select o.session_id, o.seq, o.state from outbox o
      where o.account = h.account and o.state in ('pending', 'sending') and (o.state = 'pending' or h.recover)
        and o.partition is null
      order by o.id limit h.top for update) p
  ), claimed as (
    update outbox o set state = 'sending', slot = picked.slot, epoch = picked.epoch, changed_at = now()
    from picked where o.session_id = picked.session_id and o.seq = picked.seq
    returning picked.n, o.id, o.channel, o.account, o.chat_user, o.address, o.reply_index,
      o.random_id, o.session_id, o.seq, picked.state = 'sending' as attempted
  ), rows as (
    ${claimedRows}
  )
  select h.n, (select json_agg(r order by r.id) from rows r where r.n = h.n) as rows from holder h`;

/** Nothing is claimed unless the partition is still owned under that very epoch, locked meanwhile. */
const claimPartitionRows = `
  with owner as materialized (
    select from partitions where id = $1 and epoch = $2 for share
  ), picked as materialized (
    select o.session_id, o.seq, o.state from outbox o
    where exists (select from owner) and o.partition = $1 and o.state in ('pending', 'sending')
      and (o.state = 'pending' or $4::boolean)
    order by o.id limit $3 for update
  ), claimed as (
    update outbox o set state = 'sending', epoch = $2, changed_at = now()
    from picked where o.session_id = picked.session_id and o.seq = picked.seq
    returning 0 as n, o.id, o.channel, o.account, o.chat_user, o.address, o.reply_index,
      o.random_id, o.session_id, o.seq, picked.state = 'sending' as attempted
  ), rows as (${claimedRows}
  )
  select exists (select from owner) as owned, (select json_agg(r order by r.id) from rows r) as rows`;

/**
 * Does not wait for the disk: what a crash of Postgres forgets is settled as any attempt without a result is, and
 * whatever is durable after it makes it durable too. `is true` keeps the planner from the indexes of what is unsent, where
 * every row that was settled since the last vacuum still has an entry; measured, that was three to ten times slower.
 */
const settleRows = `
  with quick as materialized (select set_config('synchronous_commit', 'off', true))
  update outbox o set state = r.state, message_id = r.message_id, failure = r.failure, changed_at = now()
  from quick, json_to_recordset($1::json) as r(session_id bigint, seq int, state text, message_id int, failure text)
  where o.session_id = r.session_id and o.seq = r.seq and (o.state = 'sending') is true`;

interface Claim {
  readonly grant: GrantRef;
  readonly limit: number;
  readonly recover: boolean;
}

type Result = Parameters<OutboxStore["settle"]>[0][number];

/** What many accounts ask for at the same time goes into one statement. */
const limits = { lanes: 1, sizeMax: 500 };

export function createOutboxStore(
  database: Database,
  rules: TokenRules = tokenRules(tokenMachine),
): OutboxStore {
  const claimText = claimRows(tokenStatements(rules).mayWrite("t.state"));
  const claims = createBatcher<Claim, readonly OutboxItem[] | null>({
    ...limits,
    keyOf: ({ grant }) => grant.account,
    async run(items) {
      const rows = await database.query<{ n: number; rows: readonly OutboxRow[] | null }>(
        claimText,
        [
          JSON.stringify(
            items.map(({ grant: { account, slot, epoch }, limit, recover }, n) => ({
              n,
              account,
              slot,
              epoch,
              top: limit,
              recover,
            })),
          ),
        ],
        "claim-replies",
      );
      const claimed = new Map(rows.map((row) => [row.n, row.rows ?? []]));
      return items.map((_, n) => claimed.get(n)?.map(toItem) ?? null);
    },
  });

  const settling = createBatcher<readonly Result[], undefined>({
    ...limits,
    keyOf: (results) => results[0]!.id,
    async run(items) {
      const rows = items.flat().map((result) => ({
        ...parseId(result.id),
        state: "messageId" in result ? "sent" : "failure" in result ? "failed" : "pending",
        message_id: "messageId" in result ? result.messageId : null,
        failure: "failure" in result ? result.failure : null,
      }));
      // Without a name: a plan from when the table was empty would read all of it.
      await database.query(settleRows, [JSON.stringify(rows)]);
      return items.map(() => undefined);
    },
  });

  return {
    claim: (grant, { limit, recover }) => claims.add({ grant, limit, recover }),
    async settle(results) {
      if (results.length > 0) await settling.add(results);
    },
    async knownMessageIds({ channel, account, chatUser }, fromMessageId) {
      const rows = await database.query<{ message_id: number }>(
        `select o.message_id from conversation_sessions s join outbox o on o.session_id = s.id
         where s.channel = $1 and s.account = $2 and s.chat_user = $3 and o.message_id >= $4`,
        [channel, account, chatUser, fromMessageId],
      );
      return new Set(rows.map(({ message_id }) => message_id));
    },
    waitingAmong: (accounts) =>
      database.query<{ account: string; stranded: boolean }>(
        `select w.account, w.stranded from (
           select a.account,
             exists (select from outbox o where o.account = a.account and o.state = 'pending') as pending,
             exists (select from outbox o where o.account = a.account and o.state = 'sending'
               and o.changed_at < now() - interval '1 minute') as stranded
           from unnest($1::text[]) as a (account)) w
         where w.pending or w.stranded`,
        [accounts],
      ),
  };
}

export function createPartitionReplies(database: Database): PartitionReplies {
  return {
    async claim({ partition, epoch }, { limit, recover }) {
      const [row] = await database.query<{ owned: boolean; rows: readonly OutboxRow[] | null }>(
        claimPartitionRows,
        [partition, epoch, limit, recover],
        "claim-partition-replies",
      );
      return row?.owned === true ? (row.rows ?? []).map(toItem) : null;
    },
  };
}

function toItem(row: OutboxRow): OutboxItem {
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

function parseId(id: string): { readonly session_id: string; readonly seq: number } {
  const [sessionId = "", seq = ""] = id.split(":");
  return { session_id: sessionId, seq: Number(seq) };
}
