import type { Reason } from "../../../machines/lifecycle.ts";
import type { RenewalStep } from "./renewal-store.ts";
import type { Question } from "./question.ts";

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
  /** The login or the renewal that it is about. */
  readonly of?: string;
}

/** A renewal has come further: this step is a row now. */
export interface StepEvent {
  readonly type: "step";
  readonly account: string;
  readonly renewal: string;
  readonly step: RenewalStep;
}

/** A login or a renewal needs a person. Carries no answer; a QR code's address is sealed to the one who asked. */
export interface QuestionEvent {
  readonly type: "question";
  readonly account: string;
  readonly question: Question;
}

export type AccountEvent = TransitionEvent | NoteEvent | StepEvent | QuestionEvent;

/**
 * Where the engine reports events: its listeners publish, log and count them. Never throws, never
 * blocks the engine, and carries no secrets.
 */
export interface EventSink {
  report(event: AccountEvent): void;
}
