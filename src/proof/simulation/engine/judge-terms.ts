import type { Troubles } from "./troubles.ts";

/** A rule of docs/simulation.md that a run of the engine has broken. */
export interface EngineViolation {
  readonly invariant:
    | "order"
    | "once"
    | "session"
    | "keys"
    | "waits"
    | "parked"
    | "given-up"
    | "rest"
    | "liveness";
  readonly message: string;
}

/** A message of a person, as the world knows it. */
export interface Said {
  readonly account: string;
  readonly user: string;
  readonly number: number;
  readonly atMs: number;
  /** Nothing ails its user or its chat in this run: it is one of the rest. */
  readonly isBystander: boolean;
  /** Why it may be set aside; empty: it may not. */
  readonly mayPark: readonly string[];
  /** It need not have its turn: it is behind one that cannot end, or Telegram does not give it any more. */
  mayVanish: boolean;
  /** When its user was forgotten before it had a turn: it has none any more. */
  goneMs: number | null;
  takenMs: number | null;
}

/** The world as it is when a run is over. */
export interface Ending {
  readonly parked: readonly {
    readonly account: string;
    readonly number: number;
    readonly code: string;
  }[];
  readonly refused: readonly {
    readonly account: string;
    readonly user: string;
    readonly text: string;
  }[];
  /** Chats that Telegram has refused for good at some time. */
  readonly blocked: ReadonlySet<string>;
  /** How each account serves: the key of its slot, as the database has it. */
  readonly serving: readonly {
    readonly account: string;
    readonly state: string;
    readonly keyId: string | null;
  }[];
}

/** What every part of the judge knows. */
export interface JudgeBook {
  readonly nowMs: () => number;
  /** By account and number. */
  readonly messages: Map<string, Said>;
  /** Messages without a turn, and replies that have not arrived. */
  readonly open: Set<string>;
  readonly troubles: Troubles;
  readonly counts: Record<"messages" | "turns" | "replies" | "steps" | "parked", number>;
  broke(violation: EngineViolation): void;
}

export const messageKey = (account: string, number: number): string => `${account} ${number}`;
export const replyKey = (account: string, text: string): string => `${account} reply ${text}`;

/** A healthy system takes a message, and sends a reply, within this. */
export const boundMs = 8_000;

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
