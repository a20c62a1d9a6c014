import { expect } from "vitest";
import type { ConversationEvent, conversationMachine } from "../../machines/conversation.ts";
import type {
  ConversationKey,
  ConversationStore,
  PartitionClaim,
} from "../../src/ports/conversation-store.ts";
import type { SessionDecision } from "../../machines/conversation-rules.ts";
import type { Ask } from "./model.ts";
import type { Path, Step } from "./paths.ts";

type ConversationStep = Step<typeof conversationMachine>;
export type ConversationPath = Path<typeof conversationMachine>;

export interface StoredSession {
  readonly id: string;
  readonly status: string;
  readonly turns: number;
}

export interface ConversationRun {
  readonly store: ConversationStore;
  readonly claim: PartitionClaim;
  readonly key: ConversationKey;
  /** Whether a session is escalated or ended by a person's command, or by the turn before. */
  readonly closing: "by command" | "within the turn";
  /** The sessions of the key as an outsider reads them, oldest first. */
  readSessions(): Promise<readonly StoredSession[]>;
}

/** Far longer than a test runs, so that no session expires that should not. */
const neverInactiveMs = 3_600_000;

/**
 * Takes a path through a conversation store. Inactivity is the store's own reckoning: nothing is
 * written until the next message finds the session too old, and the test tells the next `load` that
 * it is.
 */
export async function runConversationPath(
  run: ConversationRun,
  { steps }: ConversationPath,
): Promise<void> {
  let inactive = false;
  for (const [index, step] of steps.entries()) {
    const before = steps[index - 1]?.after.value ?? "absent";
    const next = run.closing === "within the turn" ? steps[index + 1]?.event : undefined;
    const name = `step ${index + 1}, ${step.event.type} in ${before}`;
    if (step.event.type === "inbound") {
      await takeTurn(run, step, { inactive, inboundId: `m:${index}`, next, name });
      inactive = false;
    } else if (step.event.type === "inactive") {
      inactive = true;
    } else if (before !== "expired") {
      // A session that is too old stays open until a message looks at it, so `expired` is tried
      // with messages only.
      await command(run, step.event);
    }
    if (closesWithin(next) && step.event.type === "inbound") continue;
    await compare(run, step, name);
  }
}

interface TurnOptions {
  readonly inactive: boolean;
  readonly inboundId: string;
  readonly next: ConversationEvent | undefined;
  readonly name: string;
}

async function takeTurn(
  { store, key, claim }: ConversationRun,
  { asks }: ConversationStep,
  { inactive, inboundId, next, name }: TurnOptions,
): Promise<void> {
  const session = await store.load(key, inactive ? 0 : neverInactiveMs);
  expect([session.decision], name).toEqual(asks.map(decisionFor));
  const outcome = await store.commit(
    {
      ...key,
      session,
      inboundId: `${key.chatUser}:${inboundId}`,
      peer: { userId: "1", accessHash: "1" },
      text: "bonjour",
      snapshot: null,
      context: null,
      toolOutputs: [],
      replies: [],
      status: closesWithin(next) ?? session.status,
    },
    claim,
  );
  expect(outcome, name).toBe("committed");
}

async function command(run: ConversationRun, event: ConversationEvent): Promise<void> {
  const newest = (await run.readSessions()).at(-1);
  const isCommand = event.type !== "inbound" && event.type !== "inactive";
  if (newest !== undefined && isCommand) await run.store.move(newest.id, event.type);
}

async function compare(
  run: ConversationRun,
  { after }: ConversationStep,
  name: string,
): Promise<void> {
  const sessions = await run.readSessions();
  const { value, context } = after;
  const open = sessions.filter(({ status }) => status === "active" || status === "escalated");
  expect(open.length, `[I3] open sessions after ${name}`).toBeLessThanOrEqual(1);
  expect(sessions.length, `sessions after ${name}`).toBe(context.sessions);
  expect(sessions.at(-1)?.turns ?? 0, `turns after ${name}`).toBe(context.turns);
  const stored = sessions.at(-1)?.status ?? "absent";
  expect(stored, `status after ${name}`).toBe(value === "expired" ? "active" : value);
  for (const { status } of sessions.slice(0, -1)) expect(["ended", "expired"]).toContain(status);
}

function closesWithin(next: ConversationEvent | undefined): "escalated" | "ended" | null {
  if (next?.type === "escalate") return "escalated";
  return next?.type === "end" ? "ended" : null;
}

function decisionFor({ type, params }: Ask): SessionDecision {
  if (type === "sessionReused") return "SESSION_REUSED";
  if (type === "sessionKeptForHuman") return "SESSION_WITH_HUMAN";
  const why: unknown = Object(params).why;
  if (why === "after-end") return "SESSION_CREATED_AFTER_END";
  if (why === "after-expiry") return "SESSION_CREATED_AFTER_EXPIRY";
  return "SESSION_CREATED_FIRST_CONTACT";
}
