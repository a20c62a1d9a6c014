import type { AccountKind, Bound, Reason } from "../../machines/lifecycle.ts";
import type { Wanted } from "../ports/accounts/account-store.ts";
import type { Question } from "../ports/accounts/question.ts";
import type { RenewalRecord } from "../ports/accounts/renewal-store.ts";
import type { DriverName } from "../ports/telegram/telegram.ts";
import type { ShownWait } from "./waits-shown.ts";

/** An account as people and scripts see it. Carries no secret. */
export interface AccountStatus {
  readonly name: string;
  readonly kind: AccountKind;
  readonly driver: DriverName | null;
  readonly state: string;
  /** The slot that serves. */
  readonly slot: number | null;
  readonly epoch: number | null;
  /** `–` where no host holds it. */
  readonly host: string;
  readonly reason: Reason | null;
  /** The time that the state may take at most, in ISO 8601; then it is left by itself. */
  readonly bound: { readonly name: Bound; readonly endsAt: string } | null;
  /** The one that is open. */
  readonly renewal: RenewalRecord | null;
  readonly wanted: Wanted | null;
  /** ISO 8601: Telegram asked for silence until then. */
  readonly coolingUntil: string | null;
  /** Methods that Telegram wants left alone for a while. */
  readonly waits: readonly ShownWait[];
  readonly question: Question | null;
  /** The name that Telegram shows in its list of devices. */
  readonly device: string | null;
  readonly proxy: boolean;
  readonly passwordKept: boolean;
  /** The bot that was chosen for it: a file, `host` or `none`; null: nothing was said. */
  readonly bot: string | null;
}

/** Some accounts of the fleet, by name. */
export interface AccountsPage {
  readonly host: string;
  readonly accounts: readonly AccountStatus[];
  /** The name that the next page begins behind; null: there is none. */
  readonly more: string | null;
}
