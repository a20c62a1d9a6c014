import type {
  ClaimedReplies,
  OutboxItem,
  OutboxStore,
  ReplyClaim,
  ReplyResult,
} from "../../../ports/conversation/outbox-store.ts";
import type { GrantRef } from "../../../ports/custody/gate.ts";
import type { Ask } from "./sim-postgres.ts";
import { type Reply, type TurnTables, userKey } from "./turn-tables.ts";

const strandedMs = 60_000;

/** Replies on their way out, as the statements of Postgres claim, recover and settle them. */
export function createSimOutbox(
  tables: TurnTables,
  ask: Ask,
  mayWrite: (grant: GrantRef) => boolean,
): OutboxStore {
  const unsentOf = (account: string): Reply[] =>
    [...tables.unsent.values()].filter(
      (reply) => reply.account === account && reply.partition === null,
    );

  return {
    claim: (grant, what) =>
      ask(() => {
        if (!mayWrite(grant)) return null;
        return claimed(tables, grant, what, unsentOf(grant.account));
      }),
    recover: (grant, held) =>
      ask(() => {
        if (!mayWrite(grant)) return false;
        for (const reply of unsentOf(grant.account)) {
          if (reply.state !== "sending" || held.includes(idOf(reply))) continue;
          reply.state = "pending";
          reply.attempts = Math.max(reply.attempts, 1);
          reply.changedMs = tables.nowMs();
        }
        return true;
      }),
    settle: (results, under) =>
      ask(() => {
        for (const result of results) {
          const reply = tables.unsent.get(result.id);
          if (reply?.state !== "sending") continue;
          const isBack = "again" in result || "rest" in result;
          if (isBack && (reply.slot !== under.slot || reply.epoch !== under.epoch)) continue;
          settle(tables, reply, result);
        }
      }),
    knownMessageIds: (key, fromMessageId) =>
      ask(
        () =>
          new Set(
            [...tables.replies.values()]
              .filter((reply) => userKey(reply) === userKey(key))
              .flatMap(({ messageId }) => messageId ?? [])
              .filter((messageId) => messageId >= fromMessageId),
          ),
        { reads: true },
      ),
    waitingAmong: (accounts) =>
      ask(
        () =>
          accounts.flatMap((account) => {
            const unsent = unsentOf(account);
            const since = tables.nowMs() - strandedMs;
            const stranded = unsent.some(
              ({ state, changedMs }) => state === "sending" && changedMs < since,
            );
            const isPending = unsent.some(({ state }) => state === "pending");
            return isPending || stranded ? [{ account, stranded }] : [];
          }),
        { reads: true },
      ),
  };
}

const idOf = ({ session, seq }: Reply): string => `${session}:${seq}`;

function claimed(
  tables: TurnTables,
  { slot, epoch }: GrantRef,
  { limit, perChat, except, rested, wake }: ReplyClaim,
  unsent: readonly Reply[],
): ClaimedReplies {
  const nowMs = tables.nowMs();
  const chats = new Map<string, Reply[]>();
  for (const reply of unsent) {
    if (reply.state !== "pending") continue;
    chats.set(reply.chatUser, [...(chats.get(reply.chatUser) ?? []), reply]);
  }
  const restMsOf = ({ nextMs, chatUser, failure }: Reply): number | null => {
    const isWoken = rested.includes(chatUser) || (failure !== null && wake.includes(failure));
    return nextMs > nowMs && !isWoken ? nextMs - nowMs : null;
  };
  const heads = [...chats.values()].map((replies) => ({ replies, restMs: restMsOf(replies[0]!) }));
  const rests = heads.flatMap(({ restMs }) => restMs ?? []);
  const picked = heads
    .filter(({ restMs, replies }) => restMs === null && !except.includes(replies[0]!.chatUser))
    .flatMap(({ replies }) => replies.slice(0, perChat))
    .slice(0, limit);
  for (const reply of picked) {
    reply.state = "sending";
    reply.slot = slot;
    reply.epoch = epoch;
    reply.nextMs = 0;
    reply.changedMs = nowMs;
  }
  return {
    items: picked.map((reply) => toItem(reply, nowMs)),
    restMs: rests.length === 0 ? null : Math.min(...rests),
  };
}

function toItem(reply: Reply, nowMs: number): OutboxItem {
  const { channel, account, chatUser, inboundId, replyIndex, randomId, body, menu, seq } = reply;
  const { attempts } = reply;
  return {
    id: idOf(reply),
    channel,
    account,
    chatUser,
    peer: { userId: chatUser, accessHash: reply.accessHash },
    inboundId,
    replyIndex,
    randomId,
    body,
    menu,
    sessionId: reply.session,
    seq,
    attempted: attempts > 0,
    ...(attempts > 0 && { retry: { attempts, waitedMs: nowMs - reply.createdMs } }),
  };
}

function settle({ unsent, givenUp, nowMs }: TurnTables, reply: Reply, result: ReplyResult): void {
  reply.changedMs = nowMs();
  if ("messageId" in result) {
    reply.state = "sent";
    reply.messageId = result.messageId;
    reply.failure = null;
  } else if ("failure" in result) {
    reply.state = "failed";
    givenUp.push(reply);
    reply.attempts += 1;
    reply.failure = result.failure;
  } else {
    reply.state = "pending";
    reply.nextMs = 0;
    reply.failure = null;
    if ("rest" in result) {
      const { ms, code, wasTried } = result.rest;
      reply.attempts += wasTried ? 1 : 0;
      reply.nextMs = nowMs() + ms;
      reply.failure = code;
    }
    return;
  }
  unsent.delete(idOf(reply));
}
