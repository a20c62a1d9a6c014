import type { EraValue, FloorValue, LeaseValue } from "../../custody/registers.ts";
import type { Kernel } from "./kernel.ts";
import type { Link } from "./link.ts";
import type { SimBus } from "./sim-bus.ts";
import type { SimRegister } from "./sim-register.ts";
import type { SimSignatures } from "./sim-signatures.ts";
import type { SimStore } from "./sim-store.ts";
import type { SimTelegram, Violation } from "./sim-telegram.ts";

/** Milliseconds, as the configuration names them. */
export interface SimTimings {
  readonly heartbeatMs: number;
  readonly casTimeoutMs: number;
  readonly retryMs: number;
  readonly holdMs: number;
  readonly softStopMs: number;
  readonly suspectMs: number;
  readonly takeMs: number;
  readonly tenureMs: number;
  readonly restMs: number;
  readonly answerMs: number;
}

/** Production's own times, except that accounts move sooner. */
export const simTimings: SimTimings = {
  heartbeatMs: 2_000,
  casTimeoutMs: 800,
  retryMs: 500,
  holdMs: 20_000,
  softStopMs: 18_000,
  suspectMs: 10_000,
  takeMs: 30_000,
  tenureMs: 8_000,
  restMs: 250,
  answerMs: 2000,
};

/** The parts that all hosts share. */
export interface SimFleet {
  readonly kernel: Kernel;
  readonly timings: SimTimings;
  readonly hosts: SimRegister<LeaseValue>;
  readonly floors: SimRegister<FloorValue>;
  readonly fleet: SimRegister<EraValue>;
  readonly bus: SimBus;
  readonly signatures: SimSignatures;
  readonly store: SimStore;
  readonly telegram: SimTelegram;
  readonly accounts: readonly string[];
  newId(prefix: string): string;
  count(what: SimCount): void;
  /** A rule was broken. */
  broke(violation: Violation): void;
}

export type SimCount =
  | "takeovers"
  | "handovers"
  | "repairs"
  | "restores"
  | "latches"
  | "unproven"
  | "incarnations";

/** Where a host's ways lead; shared by its gate and its node. */
export interface SimLinks {
  readonly nats: Link;
  readonly postgres: Link;
  readonly telegram: Link;
}
