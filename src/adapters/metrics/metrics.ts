import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { type ConversationMetrics, createConversationMetrics } from "./conversation-metrics.ts";
import { createRetentionMetrics, type RetentionMetrics } from "./retention-metrics.ts";
import type { AccountEvent, TransitionEvent } from "../../ports/accounts/event-sink.ts";
import type { TelegramWait } from "../../ports/telegram/waits.ts";
import { alarmingNotes } from "../../ports/conversation/health-signs.ts";
import type { NodeFigures } from "../../ports/node-figures.ts";
import { readNodeFigures } from "./node-figures.ts";

interface AccountWithWaits {
  readonly name: string;
  readonly waits: readonly Pick<TelegramWait, "method">[];
}

/** Metrics of this node in Prometheus' text format. Labels are bounded: never a chat user. */
export interface Metrics {
  event(event: AccountEvent): void;
  readonly conversations: ConversationMetrics;
  readonly retention: RetentionMetrics;
  /** Telegram ordered this account to wait for this many seconds. */
  flood(account: string, seconds: number): void;
  /** Read at each scrape: the accounts here, with the waits that are in force. */
  waits(read: () => readonly AccountWithWaits[]): void;
  /** Something was said in an incarnation's name without its signature. */
  unproven(kind: string): void;
  gate(read: () => Readonly<Record<string, number>>): void;
  /** The sums that tell a person how this node is. `counts`: whether an account is one of the asker's. */
  figures(counts: (account: string) => boolean): Promise<NodeFigures>;
  render(): Promise<string>;
  readonly contentType: string;
}

/** @param registry receives every metric; docs/metrics.md is written from it. */
export function createMetrics(
  lifecycleStates: readonly string[],
  registry: Registry = new Registry(),
): Metrics {
  collectDefaultMetrics({ register: registry, prefix: "holdfast_" });
  const of = { registers: [registry] };

  const state = new Gauge({
    ...of,
    name: "holdfast_account_state",
    help: "1 for the state that the account is in, 0 for the others",
    labelNames: ["account", "state"],
  });
  const transitions = new Counter({
    ...of,
    name: "holdfast_lifecycle_transitions_total",
    help: "Lifecycle transitions by account and new state",
    labelNames: ["account", "to"],
  });
  const epoch = new Gauge({
    ...of,
    name: "holdfast_token_epoch",
    help: "Epoch under which the account is connected, 0 when it is not",
    labelNames: ["account"],
  });
  const notes = new Counter({
    ...of,
    name: "holdfast_notes_total",
    help: "What an operator should know, by its stable code",
    labelNames: ["code"],
  });
  // An alarm sees a counter rise only from an earlier value.
  for (const code of alarmingNotes) notes.inc({ code }, 0);

  const steps = new Counter({
    ...of,
    name: "holdfast_renewal_steps_total",
    help: "Steps that renewals have taken; verified is a renewal that is done",
    labelNames: ["step"],
  });
  steps.inc({ step: "aborted" }, 0);
  const floods = new Counter({
    ...of,
    name: "holdfast_flood_waits_total",
    help: "Waits that Telegram ordered an account to keep",
    labelNames: ["account"],
  });
  const floodSeconds = new Counter({
    ...of,
    name: "holdfast_flood_wait_seconds_total",
    help: "Seconds of the waits that Telegram ordered an account to keep",
    labelNames: ["account"],
  });

  const unproven = new Counter({
    ...of,
    name: "holdfast_custody_unproven_total",
    help: "Leases and messages in an incarnation's name that it had not signed, and that were ignored",
    labelNames: ["kind"],
  });

  function transition({ account, to, epoch: current, from }: TransitionEvent): void {
    for (const name of lifecycleStates) state.set({ account, state: name }, name === to ? 1 : 0);
    if (from !== to) transitions.inc({ account, to });
    epoch.set({ account }, current);
  }

  return {
    event(event) {
      if (event.type === "transition") transition(event);
      if (event.type === "note") notes.inc({ code: event.code });
      if (event.type === "step") steps.inc({ step: event.step });
      if (event.type === "transition" && event.to === "aborting") steps.inc({ step: "aborted" });
    },
    flood(account, seconds) {
      floods.inc({ account });
      floodSeconds.inc({ account }, seconds);
    },
    waits(read) {
      const waits: Gauge = new Gauge({
        ...of,
        name: "holdfast_telegram_waits",
        help: "Waits that Telegram ordered and that are in force, by method; one for each chat where sends wait",
        labelNames: ["account", "method"],
        collect() {
          waits.reset();
          for (const { name: account, waits: all } of read())
            for (const { method } of all) waits.inc({ account, method });
        },
      });
    },
    unproven: (kind) => unproven.inc({ kind }),
    conversations: createConversationMetrics(registry),
    retention: createRetentionMetrics(registry),
    gate(read) {
      const figures = new Gauge({
        ...of,
        name: "holdfast_gate",
        help: "The gate's own figures: sockets, refusals, cuts, bytes, milliseconds to its lease's deadline",
        labelNames: ["figure"],
        collect() {
          for (const [figure, value] of Object.entries(read())) figures.set({ figure }, value);
        },
      });
    },
    figures: (counts) => readNodeFigures(registry, counts),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
