import type { EscalationFigures } from "../../ports/conversation/escalation-store.ts";
import { healthSigns } from "../../ports/conversation/health-signs.ts";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Metrics of conversations (O1). Labels are bounded: never a chat user. */
export interface ConversationMetrics {
  sessionDecision(account: string, code: string): void;
  /** `outcome`: resolved, stale, or empty for a choice without an answer. */
  directAction(account: string, outcome: "resolved" | "stale" | "empty"): void;
  healthSign(account: string, sign: string): void;
  /** A message that no bot was asked about: own, saved, deleted, bot, fleet or no-bot. */
  unanswered(account: string, reason: string): void;
  sessionLookup(seconds: number): void;
  turn(outcome: string, seconds: number): void;
  reply(outcome: string): void;
  /** A request of the webhook channel: taken, unsigned, malformed, too-large or unavailable. */
  webhookRequest(outcome: string): void;
  /** Read at each scrape: the number of chat users with more than one open session. */
  duplicateSessions(read: () => number): void;
  /** Read at each scrape: the number of messages that wait for a replay. */
  parkedMessages(read: () => number): void;
  /** Read at each scrape. */
  escalations(read: () => EscalationFigures): void;
  /** A partition of this node waits for the database, or does not any more. */
  partitionHeld(partition: number, holds: boolean): void;
  /** Read at each scrape: the messages in the backlogs of this node's partitions. */
  backlog(read: () => number): void;
}

export function createConversationMetrics(registry: Registry): ConversationMetrics {
  const of = { registers: [registry] };
  const decisions = new Counter({
    ...of,
    name: "holdfast_session_decisions_total",
    help: "Why each turn ran in the session that it ran in",
    labelNames: ["account", "code"],
  });
  const actions = new Counter({
    ...of,
    name: "holdfast_direct_actions_total",
    help: "Choices of menus that people made, by what came of them",
    labelNames: ["account", "outcome"],
  });
  const signs = new Counter({
    ...of,
    name: "holdfast_conversation_signs_total",
    help: "What should never happen to a conversation, by its stable code",
    labelNames: ["account", "sign"],
  });
  const unanswered = new Counter({
    ...of,
    name: "holdfast_messages_unanswered_total",
    help: "Messages that no bot was asked about, by the reason",
    labelNames: ["account", "reason"],
  });
  const lookups = new Histogram({
    ...of,
    name: "holdfast_session_lookup_seconds",
    help: "How long the one look at a turn's session took",
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 1],
  });
  const turns = new Histogram({
    ...of,
    name: "holdfast_turn_seconds",
    help: "From the delivery of an inbound message to the commit of its turn",
    labelNames: ["outcome"],
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
  });
  const replies = new Counter({
    ...of,
    name: "holdfast_replies_total",
    help: "Replies by what became of them",
    labelNames: ["outcome"],
  });
  // As below: an alarm sees a rise from zero alone.
  for (const outcome of ["given-up", "refused"]) replies.inc({ outcome }, 0);
  const requests = new Counter({
    ...of,
    name: "holdfast_webhook_requests_total",
    help: "Requests of the webhook channel by what became of them",
    labelNames: ["outcome"],
  });
  const held = new Gauge({
    ...of,
    name: "holdfast_partition_held",
    help: "1 while the turns of a partition wait for the database and no handler runs",
    labelNames: ["partition"],
  });
  const known = new Set<string>();
  /** An alarm sees a counter rise only from an earlier value. */
  function begin(account: string): void {
    known.add(account);
    for (const sign of healthSigns) signs.inc({ account, sign }, 0);
    for (const outcome of ["resolved", "stale", "empty"]) actions.inc({ account, outcome }, 0);
  }

  return {
    sessionDecision(account, code) {
      if (!known.has(account)) begin(account);
      decisions.inc({ account, code });
    },
    directAction: (account, outcome) => actions.inc({ account, outcome }),
    healthSign: (account, sign) => signs.inc({ account, sign }),
    unanswered: (account, reason) => unanswered.inc({ account, reason }),
    sessionLookup: (seconds) => lookups.observe(seconds),
    turn: (outcome, seconds) => turns.observe({ outcome }, seconds),
    reply: (outcome) => replies.inc({ outcome }),
    webhookRequest: (outcome) => requests.inc({ outcome }),
    backlog(read) {
      const items: Gauge = new Gauge({
        ...of,
        name: "holdfast_backlog_items",
        help: "Messages of users who are behind, which wait in Postgres for their turns",
        collect() {
          items.set(read());
        },
      });
    },
    duplicateSessions(read) {
      const duplicates: Gauge = new Gauge({
        ...of,
        name: "holdfast_duplicate_open_sessions",
        help: "Chat users with more than one open session; the unique index allows none",
        collect() {
          duplicates.set(read());
        },
      });
    },
    escalations: (read) => showEscalations(registry, read),
    partitionHeld: (partition, holds) => held.set({ partition: String(partition) }, holds ? 1 : 0),
    parkedMessages(read) {
      const parked: Gauge = new Gauge({
        ...of,
        name: "holdfast_parked_messages",
        help: "Messages whose turns were set aside, until they are replayed",
        collect() {
          parked.set(read());
        },
      });
    },
  };
}

function showEscalations(
  registry: Registry,
  read: Parameters<ConversationMetrics["escalations"]>[0],
): void {
  const of = { registers: [registry] };
  const sessions: Gauge = new Gauge({
    ...of,
    name: "holdfast_escalated_sessions",
    help: "Sessions that bots have handed to people, by whether a person has answered",
    labelNames: ["answered"],
    collect() {
      const figures = read();
      sessions.set({ answered: "no" }, figures.unanswered);
      sessions.set({ answered: "yes" }, figures.escalated - figures.unanswered);
    },
  });
  const oldest: Gauge = new Gauge({
    ...of,
    name: "holdfast_escalation_oldest_seconds",
    help: "Since when the oldest of the handed-over sessions waits for a person's first answer; 0: none waits",
    collect() {
      oldest.set((read().oldestMs ?? 0) / 1000);
    },
  });
}
