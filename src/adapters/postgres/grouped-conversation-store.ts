import { tokenMachine, type TokenRules, tokenRules } from "../../../machines/token.ts";
import {
  type ConversationKey,
  type ConversationStore,
  type LoadedSession,
  type PartitionClaim,
  type TurnOutcome,
  type TurnRecord,
} from "../../ports/conversation-store.ts";
import type { GrantRef } from "../../ports/gate.ts";
import { createBatcher } from "./batcher.ts";
import type { Database } from "./database.ts";
import {
  historyColumns,
  indexViolation,
  isWhole,
  loadTriesMax,
  ownerStatements,
  rowsOf,
  type SessionRow,
  toSession,
} from "./conversation-rows.ts";
import { storableJson } from "../../ports/storable-text.ts";
import { tokenStatements } from "./token-statements.ts";

export interface GroupLimits {
  /** Statements of one kind that run at the same time. */
  readonly lanes: number;
  /** Turns of one statement at most. */
  readonly sizeMax: number;
}

const defaultLimits: GroupLimits = { lanes: 3, sizeMax: 100 };

/**
 * Expires, finds or creates the session of every key, with its history. What is found is only read, key by key (the
 * `limit` keeps a plan that was made over few sessions from reading all of them later); what is missing or over is
 * opened in the order of the keys, so that two such statements cannot wait for each other.
 */
const loadSessions = `
  with i as materialized (
    select * from jsonb_to_recordset($1::jsonb) as i(n int, channel text, account text, chat_user text, inactive_ms float8)
  ), known as materialized (
    select i.n, s.id, s.status, s.turns, s.last_seq, s.snapshot, s.context, s.last_turn_at,
      s.status = 'active' and s.last_turn_at < now() - i.inactive_ms * interval '1 millisecond' as is_over
    from i cross join lateral (
      select * from conversation_sessions s
      where (s.channel, s.account, s.chat_user) = (i.channel, i.account, i.chat_user)
        and s.status in ('active', 'escalated')
      limit 1) s
  ), expired as (
    update conversation_sessions s set status = 'expired', ended_at = now()
    from known k where k.is_over and s.id = k.id and s.status = 'active' and s.last_turn_at = k.last_turn_at
    returning s.channel, s.account, s.chat_user
  ), missing as materialized (
    select i.* from i where not exists (select from known k where k.n = i.n and not k.is_over)
    order by channel, account, chat_user
  ), opened as (
    insert into conversation_sessions (channel, account, chat_user, context)
    select channel, account, chat_user, (
      select h.context from conversation_sessions h
      where (h.channel, h.account, h.chat_user) = (m.channel, m.account, m.chat_user) order by h.id desc limit 1)
    from missing m, (select count(*) from expired) as after_expiry
    on conflict (channel, account, chat_user) where status in ('active', 'escalated')
      do update set last_turn_at = conversation_sessions.last_turn_at
    returning id, channel, account, chat_user, status, turns, last_seq, snapshot, context, xmax = 0 as created
  ), o as (
    select n, id, status, turns, last_seq, snapshot, context, false as created, null as before
    from known where not is_over
    union all
    select m.n, id, status, turns, last_seq, snapshot, context, created,
      case when exists (select from expired e where (e.channel, e.account, e.chat_user) =
        (m.channel, m.account, m.chat_user)) then 'expired' else (
        select h.status from conversation_sessions h
        where (h.channel, h.account, h.chat_user) = (m.channel, m.account, m.chat_user)
        order by h.id desc limit 1) end
    from missing m join opened using (channel, account, chat_user)
  )
  select o.*, ${historyColumns("(i.channel, i.account, i.chat_user)")}
  from o join i using (n)`;

/**
 * Every turn whole or not at all: owner's epoch, session's sequence and duplicates are judged under the locks of this
 * statement, which are taken in the order of the partitions, then of the sessions, then of the tokens. Answers the turns
 * that were refused; a duplicate is seen as one because nobody else commits for the owner's users meanwhile, and the unique
 * index of inbound ids stands behind that. Replies are claimed where the token is held under the grant and no reply of the session waits to be claimed.
 */
const commitTurns = (mayWrite: string): string => `
  with i as materialized (
    select * from json_to_recordset($1::json) as i(n int, partition int, epoch bigint, session_id bigint,
      expected int, was text, channel text, account text, inbound_id text, chat_user text, address json,
      asked text, media json, replies json, tool_outputs json, random_ids json, sent_by int, last_seq int, snapshot json, context json, progress json,
      ends_progress boolean, status text,
      slot int, grant_epoch bigint)
  ), owner as materialized (
    select id, epoch from partitions where id in (select partition from i) order by id for share
  ), held as materialized (
    select t.account, t.slot, t.epoch from tokens t
    where (t.account, t.slot, t.epoch) in (select account, slot, grant_epoch from i where slot is not null)
      and ${mayWrite}
    order by t.account for share
  ), fresh as materialized (
    select i.* from i join owner on owner.id = i.partition and owner.epoch = i.epoch
    where not exists (select from turns t
      where (t.channel, t.account, t.inbound_id) = (i.channel, i.account, i.inbound_id))
    order by i.session_id
  ), moved as (
    update conversation_sessions s set last_seq = f.last_seq, turns = turns + 1, snapshot = f.snapshot,
      context = f.context, status = f.status, last_turn_at = now(), ended_at = case when f.status = 'ended' then now() end
    from fresh f where s.id = f.session_id and s.last_seq = f.expected and s.status = f.was
    returning f.*
  ), done as materialized (
    select m.*, m.slot is not null and exists (select from held h
        where (h.account, h.slot, h.epoch) = (m.account, m.slot, m.grant_epoch))
      and coalesce((select o.state from outbox o where o.session_id = m.session_id order by o.seq desc limit 1), 'pending')
        <> 'pending' as claims
    from moved m
  ), said as (
    insert into turns (session_id, seq, channel, account, inbound_id, asked, media, replies, tool_outputs)
    select session_id, expected + 1, channel, account, inbound_id, asked, media, replies, tool_outputs
    from done
  ), queued as (
    insert into outbox (channel, account, chat_user, address, reply_index, session_id, seq, random_id, partition,
      state, slot, epoch)
    select d.channel, d.account, d.chat_user, d.address, r.number - 1, d.session_id, d.expected + 1 + r.number,
      r.random_id::bigint, d.sent_by, case when d.claims then 'sending' else 'pending' end,
      case when d.claims then d.slot end, case when d.claims then d.grant_epoch end
    from done d, json_array_elements_text(d.random_ids) with ordinality as r(random_id, number)
    order by d.n, r.number
  ), reported as (
    insert into progress_updates (channel, account, chat_user, subject, images, comments, status)
    select d.channel, d.account, d.chat_user, p.subject, p.images, p.comments, p.status
    from done d, json_to_record(d.progress) as p(subject json, images int, comments int, status text)
    where d.progress is not null
    on conflict (channel, account, chat_user) do update set subject = excluded.subject,
      images = excluded.images, comments = excluded.comments, status = excluded.status, changed_at = now()
  ), reported_no_more as (
    delete from progress_updates p using done d
    where d.ends_progress and (p.channel, p.account, p.chat_user) = (d.channel, d.account, d.chat_user)
  )
  select i.n, exists (select from owner where owner.id = i.partition and owner.epoch = i.epoch) as owned,
    exists (select from turns t
      where (t.channel, t.account, t.inbound_id) = (i.channel, i.account, i.inbound_id)) as seen, null as claimed
  from i where not exists (select from done where done.n = i.n)
  union all
  select null, null, null, array_agg(n) from done where claims`;

interface Load {
  readonly key: ConversationKey;
  readonly inactiveAfterMs: number;
}

interface Commit {
  readonly turn: TurnRecord;
  readonly claim: PartitionClaim;
  readonly grant: GrantRef | undefined;
}

/** A turn that was refused, or the numbers of those whose replies were claimed. */
type CommitRow =
  | {
      readonly n: number;
      readonly owned: boolean;
      readonly seen: boolean;
      readonly claimed: null;
    }
  | { readonly n: null; readonly claimed: readonly number[] | null };

/** The same as one statement per turn, with those of many users in one statement and one commit. */
export function createGroupedConversationStore(
  database: Database,
  limits: GroupLimits = defaultLimits,
  rules: TokenRules = tokenRules(tokenMachine),
): ConversationStore {
  const commitText = commitTurns(tokenStatements(rules).mayWrite("t.state"));
  let lookups = 0;

  const loads = createBatcher<Load, SessionRow>({
    ...limits,
    keyOf: ({ key: { channel, account, chatUser } }) => `${channel} ${account} ${chatUser}`,
    // They are few, as most sessions are remembered, and somebody waits for each.
    gather: queueMicrotask,
    async run(items) {
      lookups += items.length;
      const rows = await database.query<SessionRow & { readonly n: number }>(
        loadSessions,
        [
          storableJson(
            items.map(({ key: { channel, account, chatUser }, inactiveAfterMs }, n) => ({
              n,
              channel,
              account,
              chat_user: chatUser,
              inactive_ms: inactiveAfterMs,
            })),
          ),
        ],
        "load-sessions",
      );
      const byNumber = new Map(rows.map((row) => [row.n, row]));
      return items.map((_, n) => byNumber.get(n)!);
    },
  });

  const commits = createBatcher<Commit, TurnOutcome>({
    ...limits,
    keyOf: ({ turn }) => turn.session.id,
    async run(items) {
      const rows = await database.query<CommitRow>(
        commitText,
        [Buffer.from(storableJson(items.map(itemOf)))],
        "commit-turns",
      );
      const outcomes = Array<TurnOutcome>(items.length).fill("committed");
      for (const row of rows) {
        if (row.n === null) for (const n of row.claimed ?? []) outcomes[n] = "claimed";
        else outcomes[row.n] = row.owned ? (row.seen ? "duplicate" : "conflict") : "stale-owner";
      }
      return outcomes;
    },
  });

  return {
    ...ownerStatements(database),
    get sessionLookups() {
      return lookups;
    },
    async load(key, inactiveAfterMs): Promise<LoadedSession> {
      for (let tries = 1; ; tries += 1) {
        const row = await loads
          .add({ key, inactiveAfterMs })
          .catch((error: unknown) => Promise.reject(indexViolation(error)));
        if (isWhole(row) || tries === loadTriesMax) return toSession(row);
      }
    },
    commit: (turn, claim, grant) => commits.add({ turn, claim, grant }),
  };
}

/** What a turn does not have is left out: the statement reads it as null. */
function itemOf({ turn, claim, grant }: Commit, n: number) {
  const { session, channel, account, chatUser, text, status } = turn;
  const { partition, epoch } = claim;
  const rows = rowsOf(turn, claim);
  return {
    n,
    partition,
    epoch,
    session_id: session.id,
    expected: session.lastSeq,
    was: session.status,
    channel,
    account,
    inbound_id: rows.inboundId,
    chat_user: chatUser,
    address: rows.address,
    asked: text,
    media: rows.media ?? undefined,
    replies: rows.replies ?? undefined,
    tool_outputs: rows.toolOutputs ?? undefined,
    random_ids: rows.randomIds,
    sent_by: rows.sentBy ?? undefined,
    last_seq: rows.lastSeq,
    snapshot: rows.snapshot,
    context: rows.context ?? undefined,
    progress: rows.progress ?? undefined,
    ends_progress: rows.endsProgress || undefined,
    status,
    slot: grant?.account === account ? grant.slot : undefined,
    grant_epoch: grant?.account === account ? grant.epoch : undefined,
  };
}
