import { tokenMachine, type TokenRules, tokenRules } from "../../../machines/token.ts";
import type { TurnReply } from "../../ports/conversation/conversation-store.ts";
import type {
  ClaimedReplies,
  ClaimedUnder,
  OutboxItem,
  OutboxStore,
  PartitionReplies,
  ReplyClaim,
  ReplyResult,
} from "../../ports/conversation/outbox-store.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import { createBatcher } from "./batcher.ts";
import type { Database } from "./database.ts";
import {
  awaitClaims,
  awaitPartitionClaims,
  claimPartitionReplies,
  claimReplies,
  recoverPartitionReplies,
  recoverReplies,
  settleReplies,
} from "./outbox-statements.ts";
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
  readonly attempts: number;
  readonly waited_ms: number;
}

/** A claim's answer; there is none for a right to send that was lost. */
interface ClaimedRow {
  readonly n: number;
  readonly rows: readonly OutboxRow[] | null;
  readonly rest_ms: number | null;
}

/** One account's claim, or its search for what was left behind: one at a time, so that none overtakes the other. */
interface Asked {
  readonly grant: GrantRef;
  readonly what: ReplyClaim | { readonly held: readonly string[] };
}

type Named = GrantRef & { readonly n: number };
type Answer = ClaimedReplies | "recovered" | null;

interface Settlement {
  readonly results: readonly ReplyResult[];
  readonly under: ClaimedUnder;
}

/** What many accounts ask for at the same time goes into one statement. */
const limits = { lanes: 1, sizeMax: 500 };
/**
 * Nobody waits for an outcome's record but a sender that ends. Each statement costs the same, however little it writes:
 * at half of the load that a machine can take, there were 200 of them a second.
 */
const settlingApartMs = 20;

export function createOutboxStore(
  database: Database,
  rules: TokenRules = tokenRules(tokenMachine),
): OutboxStore {
  const mayWrite = tokenStatements(rules).mayWrite("t.state");
  const [claimText, recoverText] = [claimReplies(mayWrite), recoverReplies(mayWrite)];

  async function claimAll(asked: readonly (Named & ReplyClaim)[]): Promise<readonly ClaimedRow[]> {
    if (asked.length === 0) return [];
    const items = asked.map(({ limit, perChat, except, ...rest }) => ({
      ...rest,
      top: limit,
      per_chat: perChat,
      passed_over: except,
    }));
    const text = JSON.stringify(items);
    return database.query<ClaimedRow & Record<string, unknown>>(claimText, [text], "claim-replies");
  }

  async function recoverAll(asked: readonly (Named & { held: readonly string[] })[]) {
    if (asked.length === 0) return [];
    return database.transaction(async ({ query }) => {
      await query(awaitClaims, [JSON.stringify(asked)]);
      return query<{ n: number }>(recoverText, [JSON.stringify(asked)]);
    });
  }

  const claims = createBatcher<Asked, Answer>({
    ...limits,
    keyOf: ({ grant }) => grant.account,
    async run(items) {
      const named = items.map(({ grant: { account, slot, epoch }, what }, n) => ({
        n,
        account,
        slot,
        epoch,
        ...what,
      }));
      const answers = Array<Answer>(items.length).fill(null);
      const found = await recoverAll(named.filter((one) => "held" in one));
      for (const { n } of found) answers[n] = "recovered";
      for (const row of await claimAll(named.filter((one) => "limit" in one))) {
        answers[row.n] = toClaimed(row);
      }
      return answers;
    },
  });

  const settling = createBatcher<Settlement, undefined>({
    ...limits,
    apartMs: settlingApartMs,
    keyOf: ({ results }) => results[0]!.id,
    async run(items) {
      const rows = items.flatMap(({ results, under }) =>
        results.map((result) => settledRow(result, under)),
      );
      // Without a name: a plan from when the table was empty would read all of it.
      await database.query(settleReplies, [JSON.stringify(rows)]);
      return items.map(() => undefined);
    },
  });

  return {
    async claim(grant, what) {
      const answer = await claims.add({ grant, what });
      return answer === "recovered" ? null : answer;
    },
    recover: async (grant, held) => (await claims.add({ grant, what: { held } })) === "recovered",
    async settle(results, under) {
      if (results.length > 0) await settling.add({ results, under });
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
             exists (select from outbox o where o.account = a.account and o.state in ('pending', 'sending')
               and o.state = 'pending' and o.partition is null) as pending,
             exists (select from outbox o where o.account = a.account and o.state in ('pending', 'sending')
               and o.state = 'sending' and o.partition is null
               and o.changed_at < now() - interval '1 minute') as stranded
           from unnest($1::text[]) as a (account)) w
         where w.pending or w.stranded`,
        [accounts],
      ),
  };
}

export function createPartitionReplies(database: Database): PartitionReplies {
  return {
    async claim({ partition, epoch }, { limit, perChat, except, rested, wake }) {
      const [row] = await database.query<ClaimedRow & Record<string, unknown>>(
        claimPartitionReplies,
        [partition, epoch, limit, perChat, except, rested, wake],
        "claim-partition-replies",
      );
      return row === undefined ? null : toClaimed(row);
    },
    async recover({ partition, epoch }, held) {
      return database.transaction(async ({ query }) => {
        await query(awaitPartitionClaims, [partition, epoch]);
        const rows = await query(recoverPartitionReplies, [partition, epoch, held]);
        return rows.length > 0;
      });
    },
  };
}

const toClaimed = ({ rows, rest_ms }: ClaimedRow): ClaimedReplies => ({
  items: (rows ?? []).map(toItem),
  restMs: rest_ms,
});

function toItem(row: OutboxRow): OutboxItem {
  const { attempts } = row;
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
    attempted: attempts > 0,
    ...(attempts > 0 && { retry: { attempts, waitedMs: row.waited_ms } }),
  };
}

/** Absent fields are left out: the statement reads them as null. */
function settledRow(result: ReplyResult, { slot, epoch }: ClaimedUnder) {
  const row = { ...parseId(result.id), tried: 0 };
  if ("messageId" in result) return { ...row, state: "sent", message_id: result.messageId };
  if ("failure" in result) return { ...row, tried: 1, state: "failed", failure: result.failure };
  const back = { ...row, state: "pending", slot: slot ?? undefined, epoch };
  if ("again" in result) return back;
  const { ms, code, wasTried } = result.rest;
  return { ...back, tried: wasTried ? 1 : 0, rest_ms: ms, failure: code };
}

function parseId(id: string): { readonly session_id: string; readonly seq: number } {
  const [sessionId = "", seq = ""] = id.split(":");
  return { session_id: sessionId, seq: Number(seq) };
}
