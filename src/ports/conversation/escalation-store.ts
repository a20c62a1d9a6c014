import type { NamedAccounts } from "./undelivered-replies.ts";
import type { ConversationKey } from "./conversation-store.ts";

/** A session that waits for a person, or that one answers in. */
export interface Escalation extends ConversationKey {
  readonly session: string;
  /** ISO 8601. */
  readonly since: string;
  readonly sinceMs: number;
}

/** One as a list shows it. */
export interface EscalationSummary extends Escalation {
  /** Since the escalation, by the database's clock. */
  readonly ageMs: number;
  /** A person has answered since. */
  readonly answered: boolean;
  /** The newest message, cut to 200 characters; null: it stands there no more. */
  readonly last: { readonly by: "user" | "bot" | "person"; readonly text: string } | null;
}

export interface EscalationFigures {
  /** Sessions that a person has. */
  readonly escalated: number;
  /** Those of them in which no person has answered. */
  readonly unanswered: number;
  /** Since the oldest of those was escalated, milliseconds; null: there is none. */
  readonly oldestMs: number | null;
}

/**
 * Sessions that bots have handed to people, and what people were told of. A row is written with the status of its
 * session, whoever changes that. Hides SQL. Errors: DATABASE_UNAVAILABLE, DATABASE_REFUSES.
 */
export interface EscalationStore {
  /**
   * The oldest of which no person was told, at most `limit`. Each is left to the caller for `holdMs`, and counts as
   * tried: after `triesMax` tries, or a day, it is none of them any more.
   */
  claimUntold(of: {
    readonly limit: number;
    readonly holdMs: number;
    readonly triesMax: number;
  }): Promise<readonly (Escalation & { readonly tries: number })[]>;
  /** A notice has arrived, or is given up. An escalation that came after that one is not meant. */
  told(of: Pick<Escalation, "session" | "since">): Promise<void>;
  /** A notice did not arrive: not again before `afterMs`. */
  notTold(of: Pick<Escalation, "session" | "since">, afterMs: number): Promise<void>;
  /** The oldest first, those without an answer before the others. */
  list(of: {
    readonly accounts: NamedAccounts;
    readonly limit: number;
  }): Promise<readonly EscalationSummary[]>;
  figures(): Promise<EscalationFigures>;
}
