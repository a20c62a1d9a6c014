import type { Reason } from "../../machines/lifecycle.ts";

/** A state change of an account, as published on `holdfast.account.<name>.event`. */
export interface TransitionEvent {
  readonly type: "transition";
  readonly account: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
  readonly slot: number | null;
  readonly epoch: number;
  readonly reason: Reason | null;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Something an operator should know that changes no state. */
export interface NoteEvent {
  readonly type: "note";
  readonly account: string;
  readonly code: string;
  readonly message: string;
}

/**
 * Where the engine tells what happened: published, logged and counted by whoever listens. Never throws,
 * never blocks the engine, and carries no secrets.
 */
export interface EventSink {
  report(event: TransitionEvent | NoteEvent): void;
}
