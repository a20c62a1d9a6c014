import type { ConversationRules } from "../../../machines/conversation-rules.ts";
import { tokenMachine, type TokenRules, tokenRules } from "../../../machines/token.ts";
import type {
  ConversationKey,
  ConversationStore,
  LoadedSession,
  PartitionClaim,
  TurnOutcome,
  TurnRecord,
} from "../../ports/conversation/conversation-store.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import { createBatcher } from "./batcher.ts";
import type { Database } from "./database.ts";
import {
  indexViolation,
  isWhole,
  loadTriesMax,
  rowsOf,
  type SessionRow,
  toSession,
} from "./conversation-rows.ts";
import { commitTurns, loadSessions, moveSession } from "./conversation-statements.ts";
import { createPartitionStore } from "./partition-store.ts";
import { storableJson } from "../../ports/conversation/storable-text.ts";

export interface ConversationStoreOptions {
  /** The next moves of a session; the statements are built from them once. */
  readonly rules: ConversationRules;
  /** Under which states of its token a holder may write; production's own by default. */
  readonly tokens?: TokenRules;
  readonly limits?: GroupLimits;
}

export interface GroupLimits {
  /** Statements of one kind that run at the same time. */
  readonly lanes: number;
  /** Turns of one statement at most. */
  readonly sizeMax: number;
}

const defaultLimits: GroupLimits = { lanes: 3, sizeMax: 100 };

interface Load {
  readonly key: ConversationKey;
  readonly inactiveAfterMs: number;
}

interface Commit {
  readonly turn: TurnRecord;
  readonly claim: PartitionClaim;
  readonly grant: GrantRef | undefined;
}

/** A refused turn, or the numbers of the turns whose replies were claimed. */
type CommitRow =
  | {
      readonly n: number;
      readonly owned: boolean;
      readonly seen: boolean;
      readonly claimed: null;
    }
  | { readonly n: null; readonly claimed: readonly number[] | null };

/** Loads and commits of many users go into one statement each, and commits into one transaction. */
export function createConversationStore(
  database: Database,
  { rules, tokens = tokenRules(tokenMachine), limits = defaultLimits }: ConversationStoreOptions,
): ConversationStore {
  const loadText = loadSessions(rules);
  const commitText = commitTurns(rules, tokens);
  const moveTexts = {
    escalate: moveSession(rules, "escalate"),
    resolve: moveSession(rules, "resolve"),
    end: moveSession(rules, "end"),
  };

  const loads = createBatcher<Load, SessionRow>({
    ...limits,
    keyOf: ({ key: { channel, account, chatUser } }) => `${channel} ${account} ${chatUser}`,
    // Loads are few, as most sessions are remembered, and a user waits for each.
    gather: queueMicrotask,
    async run(items) {
      const rows = await database.query<SessionRow & { readonly n: number }>(
        loadText,
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
    ...createPartitionStore(database),
    async load(key, inactiveAfterMs): Promise<LoadedSession> {
      for (let tries = 1; ; tries += 1) {
        const row = await loads
          .add({ key, inactiveAfterMs })
          .catch((error: unknown) => Promise.reject(indexViolation(error)));
        if (isWhole(row) || tries === loadTriesMax) return toSession(row, rules);
      }
    },
    commit: (turn, claim, grant) => commits.add({ turn, claim, grant }),
    async move(sessionId, event) {
      for (const { to, text } of moveTexts[event]) {
        const changed = await database.query(text, [sessionId, to]);
        if (changed.length > 0) return to;
      }
      return null;
    },
  };
}

/** Absent parts of a turn are left out: the statement reads them as null. */
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
