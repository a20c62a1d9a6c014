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
import { HoldfastError } from "../../errors.ts";
import type { BatchDoubt } from "./batch-doubts.ts";
import { type BatcherOptions, createBatcher } from "./batcher.ts";
import { brokenUniqueConstraint, type Database, givenUpFor, wasNeverAsked } from "./database.ts";
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
import { takenBefore } from "./taken-messages.ts";
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
/** Of one turn as JSON: what it says, remembers and records. A hundred of them fit into one statement. */
const turnCharactersMax = 4 * 1024 * 1024;

interface Load {
  readonly key: ConversationKey & { readonly inboundId?: string };
  readonly inactiveAfterMs: number;
}

interface Commit {
  readonly sessionId: string;
  /** The turn as a JSON object, without its number in the statement. */
  readonly text: string;
}

const doubtOf = (error: unknown): BatchDoubt =>
  givenUpFor(error) ?? (wasNeverAsked(error) ? "none" : "unknown");

/** A session with the number of its key. */
export type LoadedRow = SessionRow & { readonly n: number };

/** A refused turn, or the numbers of the turns whose replies were claimed. */
export type CommitRow =
  | {
      readonly n: number;
      readonly owned: boolean;
      readonly seen: boolean;
      readonly claimed: null;
    }
  | { readonly n: null; readonly claimed: readonly number[] | null };

/** The two statements of turns, each for many users. The parameter of both is JSON. */
export interface TurnStatements {
  load(keys: string): Promise<readonly LoadedRow[]>;
  commit(turns: string): Promise<readonly CommitRow[]>;
}

export interface GroupedTurnsOptions extends Pick<ConversationStoreOptions, "rules" | "limits"> {
  /** Time, and the moment at which a batch sets out; by default the system's. */
  readonly pace?: Pick<BatcherOptions<unknown, unknown>, "gather" | "schedule">;
}

/** Loads and commits of many users go into one statement each, and commits into one transaction. */
export function createConversationStore(
  database: Database,
  { rules, tokens = tokenRules(tokenMachine), limits }: ConversationStoreOptions,
): ConversationStore {
  const loadText = loadSessions(rules);
  const commitText = commitTurns(rules, tokens);
  const moveTexts = {
    escalate: moveSession(rules, "escalate"),
    resolve: moveSession(rules, "resolve"),
    end: moveSession(rules, "end"),
  };
  const statements: TurnStatements = {
    load: (keys) =>
      database.query<SessionRow & { readonly n: number }>(loadText, [keys], "load-sessions"),
    commit: (turns) => database.query<CommitRow>(commitText, [Buffer.from(turns)], "commit-turns"),
  };

  return {
    ...createPartitionStore(database),
    ...groupTurns(statements, { rules, ...(limits !== undefined && { limits }) }),
    async move(sessionId, event) {
      for (const { to, text } of moveTexts[event]) {
        const changed = await database.query(text, [sessionId, to]);
        if (changed.length > 0) return to;
      }
      return null;
    },
  };
}

/** Gathers the loads and the commits of many users into few statements. */
export function groupTurns(
  statements: TurnStatements,
  { rules, limits = defaultLimits, pace = {} }: GroupedTurnsOptions,
): Pick<ConversationStore, "load" | "commit"> {
  const loads = createBatcher<Load, SessionRow | null>({
    ...limits,
    doubtOf,
    unwritable,
    keyOf: ({ key: { channel, account, chatUser } }) => `${channel} ${account} ${chatUser}`,
    // Loads are few, as most sessions are remembered, and a user waits for each.
    gather: queueMicrotask,
    ...pace,
    async run(items) {
      const rows = await statements.load(
        storableJson(
          items.map(({ key: { channel, account, chatUser, inboundId }, inactiveAfterMs }, n) => ({
            n,
            channel,
            account,
            chat_user: chatUser,
            inbound_id: inboundId,
            inactive_ms: inactiveAfterMs,
          })),
        ),
      );
      const byNumber = new Map(rows.map((row) => [row.n, row]));
      return items.map((_, n) => byNumber.get(n) ?? null);
    },
  });

  const commits = createBatcher<Commit, TurnOutcome>({
    ...limits,
    doubtOf,
    unwritable,
    keyOf: ({ sessionId }) => sessionId,
    ...pace,
    async run(items) {
      const texts = items.map(({ text }, n) => `{"n":${n},${text.slice(1)}`);
      const rows = await statements.commit(`[${texts.join()}]`);
      const outcomes = Array<TurnOutcome>(items.length).fill("committed");
      for (const row of rows) {
        if (row.n === null) for (const n of row.claimed ?? []) outcomes[n] = "claimed";
        else outcomes[row.n] = row.owned ? (row.seen ? "duplicate" : "conflict") : "stale-owner";
      }
      return outcomes;
    },
  });

  return {
    async load(key, inactiveAfterMs): Promise<LoadedSession> {
      for (let tries = 1; ; tries += 1) {
        const row = await loads
          .add({ key, inactiveAfterMs })
          .catch((error: unknown) => Promise.reject(indexViolation(error)));
        if (row === null) return takenSession;
        if (isWhole(row) || tries === loadTriesMax) return toSession(row, rules);
      }
    },
    async commit(turn, claim, grant) {
      const text = storableJson(itemOf(turn, claim, grant));
      if (text.length > turnCharactersMax) throw tooLarge(text.length);
      try {
        return await commits.add({ sessionId: turn.session.id, text });
      } catch (error) {
        // Another statement wrote that inbound id while this one ran.
        if (brokenUniqueConstraint(error) === takenBefore) return "duplicate";
        throw error;
      }
    },
  };
}

/** Of a message that took effect before, the store tells nothing but that. */
const takenSession: LoadedSession = {
  id: "0",
  taken: true,
  decision: "SESSION_REUSED",
  status: "active",
  turns: 0,
  lastSeq: 0,
  snapshot: null,
  context: null,
  progress: null,
  messages: [],
  toolOutputs: [],
};

const tooLarge = (characters: number) =>
  new HoldfastError({
    code: "TURN_TOO_LARGE",
    message: `The turn has ${characters} characters with all that it keeps; at most ${turnCharactersMax} are stored.`,
    next: "Keep less in the bot's state, facts and tool outputs; then replay the message.",
  });

const unwritable = (cause: unknown) =>
  new HoldfastError({
    code: "TURN_UNWRITABLE",
    message:
      "PostgreSQL does not finish the statement of this turn alone, while it finishes others.",
    next: "See how large the session is, and what its rows wait for: select * from pg_stat_activity",
    cause,
  });

/** Absent parts of a turn are left out: the statement reads them as null. */
function itemOf(turn: TurnRecord, claim: PartitionClaim, grant: GrantRef | undefined) {
  const { session, channel, account, chatUser, text, status } = turn;
  const { partition, epoch } = claim;
  const rows = rowsOf(turn, claim);
  return {
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
