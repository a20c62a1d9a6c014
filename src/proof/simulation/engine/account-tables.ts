import type { AccountKind, Reason } from "../../../../machines/lifecycle.ts";
import { HoldfastError } from "../../../errors.ts";
import type { AccountRecord } from "../../../ports/accounts/account-store.ts";
import type { RenewalRecord, RenewalStep } from "../../../ports/accounts/renewal-store.ts";
import type { SlotRecord, SlotState } from "../../../ports/accounts/slot-store.ts";
import type { SlotRef } from "../../../ports/custody/token-store.ts";
import { defaultDevice } from "../../../ports/telegram/telegram.ts";
import type { TelegramWait } from "../../../ports/telegram/waits.ts";
import type { SimStore } from "../sim-store.ts";
import type { Ask } from "./sim-postgres.ts";

export interface SlotRow {
  readonly slot: number;
  state: SlotState;
  keyId: string | null;
  session: Uint8Array | null;
}

export interface RenewalRow {
  readonly id: string;
  readonly account: string;
  readonly method: RenewalRecord["method"];
  state: RenewalRecord["state"];
  readonly fromSlot: number;
  toSlot: number | null;
  reason: Reason | null;
}

export interface AccountRow {
  readonly name: string;
  readonly kind: AccountKind;
  readonly telegramUserId: string;
  servingSlot: number | null;
  state: string;
  reason: Reason | null;
  coolingUntilMs: number | null;
  readonly slots: Map<number, SlotRow>;
}

/** Accounts with their slots and renewals, as the database has them. */
export interface AccountTables {
  readonly accounts: Map<string, AccountRow>;
  /** In the order of their requests. */
  readonly renewals: Map<string, RenewalRow>;
  readonly steps: { readonly renewal: string; readonly step: RenewalStep; readonly atMs: number }[];
  /** By account, then by method and chat. */
  readonly waits: Map<string, Map<string, TelegramWait>>;
}

export const createAccountTables = (): AccountTables => ({
  accounts: new Map(),
  renewals: new Map(),
  steps: [],
  waits: new Map(),
});

/** What the stores of accounts work with. */
export interface SimAccountsOptions {
  readonly tables: AccountTables;
  readonly tokens: Pick<SimStore, "token" | "apply" | "addToken" | "serverSalt">;
  readonly ask: Ask;
  readonly nowMs: () => number;
}

/** Throws ACCOUNT_UNKNOWN. */
export function accountOf({ accounts }: AccountTables, name: string): AccountRow {
  const found = accounts.get(name);
  if (found === undefined) throw accountUnknown(name);
  return found;
}

export const slotOf = ({ accounts }: AccountTables, { account, slot }: SlotRef) =>
  accounts.get(account)?.slots.get(slot);

export const openRenewalOf = ({ renewals }: AccountTables, account: string) =>
  [...renewals.values()].find((one) => one.account === account && isOpen(one));

/** A step of a renewal is done. */
export function takeStep(
  { tables, nowMs }: Pick<SimAccountsOptions, "tables" | "nowMs">,
  renewal: string,
  step: RenewalStep,
): void {
  tables.steps.push({ renewal, step, atMs: nowMs() });
}

export const isOpen = ({ state }: RenewalRow): boolean => state !== "done" && state !== "aborted";

/** The slot that a renewal has made, or the one that the last renewal left and that is not logged out yet. */
export const mayTakeOver = ({ renewals }: AccountTables, account: string, slot: SlotRow): boolean =>
  slot.keyId !== null &&
  slot.session !== null &&
  [...renewals.values()].some(
    (one) =>
      one.account === account &&
      ((slot.state === "PENDING" && one.toSlot === slot.slot) ||
        (slot.state === "RETIRING" &&
          one.fromSlot === slot.slot &&
          (one.state === "switched" || one.state === "done"))),
  );

export function recordOf(row: AccountRow | undefined): AccountRecord | null {
  if (row === undefined) return null;
  const { name, kind, servingSlot, state, reason, coolingUntilMs, telegramUserId } = row;
  return {
    name,
    kind,
    driver: "mtcute",
    servingSlot,
    state,
    reason,
    wanted: "serve",
    device: defaultDevice,
    coolingUntilMs,
    bot: null,
    telegramUserId,
    hasPassword: false,
    hasProxy: false,
  };
}

export const toSlot = (account: string, { slot, state, keyId }: SlotRow): SlotRecord => ({
  account,
  slot,
  state,
  keyId,
  origin: "made",
});

export const toRenewal = (row: RenewalRow | undefined): RenewalRecord | null =>
  row === undefined ? null : { ...row };

const accountUnknown = (name: string) =>
  new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `There is no account "${name}".`,
    next: "See the accounts with: npx holdfast status",
  });
