import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { AccountEvent, TransitionEvent } from "../../ports/event-sink.ts";

/** Figures of this node in Prometheus' text format. Labels are bounded: never a chat user. */
export interface Metrics {
  event(event: AccountEvent): void;
  sessionDecision(code: string): void;
  turn(outcome: string, seconds: number): void;
  /** Telegram asked this account for so many seconds of silence. */
  flood(account: string, seconds: number): void;
  reply(outcome: string): void;
  gate(read: () => Readonly<Record<string, number>>): void;
  render(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics(lifecycleStates: readonly string[]): Metrics {
  const registry = new Registry();
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
  const decisions = new Counter({
    ...of,
    name: "holdfast_session_decisions_total",
    help: "Why each turn ran in the session that it ran in",
    labelNames: ["code"],
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
  const notes = new Counter({
    ...of,
    name: "holdfast_notes_total",
    help: "What an operator should know, by its stable code",
    labelNames: ["code"],
  });

  const steps = new Counter({
    ...of,
    name: "holdfast_renewal_steps_total",
    help: "Steps that renewals have taken; verified is a renewal that is done",
    labelNames: ["step"],
  });
  const floods = new Counter({
    ...of,
    name: "holdfast_flood_waits_total",
    help: "Times that Telegram asked an account for silence",
    labelNames: ["account"],
  });
  const floodSeconds = new Counter({
    ...of,
    name: "holdfast_flood_wait_seconds_total",
    help: "Seconds of silence that Telegram asked an account for",
    labelNames: ["account"],
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
    sessionDecision: (code) => decisions.inc({ code }),
    turn: (outcome, seconds) => turns.observe({ outcome }, seconds),
    reply: (outcome) => replies.inc({ outcome }),
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
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
