import type { Reason, RenewalMethod } from "../../../machines/lifecycle.ts";

/** How far a renewal has come; each is a row that is there before the next step begins. */
export type RenewalStep =
  | "requested"
  | "key-stored"
  | "authorised"
  | "drained"
  | "verified-idle"
  | "switched"
  | "verified"
  | "retired"
  | "aborted";

export type RenewalState = "preparing" | "prepared" | "switched" | "done" | "aborted";

export interface RenewalRecord {
  readonly id: string;
  readonly account: string;
  readonly method: RenewalMethod;
  readonly state: RenewalState;
  readonly fromSlot: number;
  readonly toSlot: number | null;
  readonly reason: Reason | null;
}

/** Renewals and how far they have come. Hides SQL and its locks. Errors: DATABASE_UNAVAILABLE (unknown outcome). */
export interface RenewalStore {
  /**
   * `false`: this id is known already (the same request twice is one renewal), or another renewal
   * is open. Also `false` unless the serving slot is connected under this very grant: a late
   * statement does nothing.
   */
  beginRenewal(renewal: {
    readonly id: string;
    readonly account: string;
    readonly method: RenewalMethod;
    readonly epoch: number;
    readonly incarnation: string;
  }): Promise<boolean>;
  /**
   * The renewal is not begun, and this is on record as an aborted one. `false`: this id is known already, or another
   * slot serves.
   */
  recordNotBegun(renewal: {
    readonly id: string;
    readonly account: string;
    readonly method: RenewalMethod;
    readonly slot: number;
    readonly reason: Reason;
  }): Promise<boolean>;
  findRenewal(id: string): Promise<RenewalRecord | null>;
  openRenewal(account: string): Promise<RenewalRecord | null>;
  /** In the order in which they were taken. */
  renewalSteps(
    id: string,
  ): Promise<readonly { readonly step: RenewalStep; readonly atMs: number }[]>;
  recordPrepared(id: string, toSlot: number): Promise<void>;
  /**
   * One transaction. It requires that the renewal is `prepared`, the account's serving slot is
   * still `from`, both slots' tokens are free, and the incarnation is LIVE. Then `from` is
   * RETIRING, `to` SERVING, its token granted with the next epoch, the renewal `switched`. Refused
   * (null) otherwise.
   */
  switchSlot(change: {
    readonly renewal: string;
    readonly account: string;
    readonly from: number;
    readonly to: number;
    readonly incarnation: string;
  }): Promise<{ readonly epoch: number } | null>;
  /** The renewal is `aborted`; after a switch the old slot serves again and the next one is to be discarded. */
  abortRenewal(id: string, reason: Reason): Promise<void>;
  finishRenewal(id: string): Promise<void>;
}
