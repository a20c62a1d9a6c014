import type { AccountStores } from "../../../ports/accounts/account-store.ts";
import type { SlotRef } from "../../../ports/custody/token-store.ts";
import {
  accountOf,
  type AccountRow,
  openRenewalOf,
  recordOf,
  type SimAccountsOptions,
  type SlotRow,
  slotOf,
  takeStep,
  toRenewal,
  toSlot,
} from "./account-tables.ts";
import { createSimRenewals } from "./sim-renewals.ts";

/** The part of the accounts' stores that the lifecycle works with. */
export type SimAccounts = Pick<
  AccountStores,
  | "find"
  | "proxy"
  | "credentials"
  | "password"
  | "learnPhone"
  | "telegramUser"
  | "learnTelegramUser"
  | "cool"
  | "recordTransition"
  | "addSlot"
  | "firstSlot"
  | "slots"
  | "saveSession"
  | "loadSession"
  | "needs"
  | "adoptFirstSlot"
  | "forgetSlot"
  | "retireServing"
  | "beginRenewal"
  | "findRenewal"
  | "openRenewal"
  | "renewalSteps"
  | "recordPrepared"
  | "switchSlot"
  | "abortRenewal"
  | "finishRenewal"
  | "bury"
>;

const reads = { reads: true };

export function createSimAccounts(options: SimAccountsOptions): SimAccounts {
  const { tables, tokens, ask } = options;
  const { accounts, renewals } = tables;

  const slotAt = (ref: SlotRef) => slotOf(tables, ref);
  const sessionAt = (ref: SlotRef) => {
    const { keyId = null, session = null } = slotAt(ref) ?? {};
    return keyId === null || session === null ? null : { keyId, bytes: session };
  };

  function addSlot(account: AccountRow): SlotRow {
    const row: SlotRow = {
      slot: account.slots.size + 1,
      state: "PENDING",
      keyId: null,
      session: null,
    };
    account.slots.set(row.slot, row);
    tokens.addToken({ account: account.name, slot: row.slot });
    return row;
  }

  return {
    ...createSimRenewals(options),
    find: (name) => ask(() => recordOf(accounts.get(name)), reads),
    proxy: () => ask(() => null, reads),
    password: () => ask(() => null, reads),
    learnPhone: () => ask(() => {}),
    credentials: (name) =>
      ask(() => {
        const { kind, telegramUserId } = accountOf(tables, name);
        return kind === "bot"
          ? { kind, token: `${telegramUserId}:sim` }
          : { kind, phone: `+${telegramUserId}` };
      }, reads),
    telegramUser: (name) => ask(() => accountOf(tables, name).telegramUserId, reads),
    learnTelegramUser: (name) => ask(() => accountOf(tables, name).telegramUserId),
    cool: (name, untilMs) =>
      ask(() => {
        const account = accountOf(tables, name);
        account.coolingUntilMs = Math.max(account.coolingUntilMs ?? 0, untilMs);
      }),
    recordTransition: ({ account: name, to, reason, renewal, step: taken }) =>
      ask(() => {
        const account = accounts.get(name);
        if (account === undefined) return;
        account.state = to;
        account.reason = reason;
        if (taken !== null && renewal !== null && renewals.has(renewal))
          takeStep(options, renewal, taken);
      }),

    addSlot: (name) => ask(() => ({ account: name, slot: addSlot(accountOf(tables, name)).slot })),
    firstSlot: (name) =>
      ask(() => {
        const account = accountOf(tables, name);
        const rows = [...account.slots.values()];
        const found =
          rows.find(({ state }) => state === "SERVING") ??
          rows.find(({ state }) => state === "PENDING");
        return toSlot(name, found ?? addSlot(account));
      }),
    slots: (name) =>
      ask(
        () => [...(accounts.get(name)?.slots.values() ?? [])].map((row) => toSlot(name, row)),
        reads,
      ),
    saveSession: (ref, { keyId, bytes }, taken) =>
      ask(() => {
        const row = slotAt(ref);
        if (row === undefined) return;
        row.keyId = keyId;
        row.session = bytes;
        const renewal = openRenewalOf(tables, ref.account);
        if (row.state === "PENDING" && renewal?.state === "preparing")
          takeStep(options, renewal.id, taken);
      }),
    loadSession: (ref) => ask(() => sessionAt(ref), reads),
    needs: (ref) =>
      ask(
        () => ({
          record: recordOf(accounts.get(ref.account)),
          session: sessionAt(ref),
          renewal: toRenewal(openRenewalOf(tables, ref.account)),
          serverSalt: accounts.has(ref.account) ? tokens.serverSalt(ref) : null,
        }),
        reads,
      ),
    adoptFirstSlot: ({ account: name, slot }, telegramUser) =>
      ask(() => {
        const account = accountOf(tables, name);
        const row = slotAt({ account: name, slot });
        const isFree = account.servingSlot === null && account.telegramUserId === telegramUser;
        if (row?.state !== "PENDING" || !isFree) return false;
        row.state = "SERVING";
        account.servingSlot = slot;
        return true;
      }),
    forgetSlot: (ref, taken) =>
      ask(() => {
        const row = slotAt(ref);
        if (row === undefined || (row.state !== "RETIRING" && row.state !== "PENDING")) return;
        row.state = row.state === "RETIRING" ? "RETIRED" : "DISCARDED";
        row.session = null;
        for (const one of renewals.values()) {
          const isOf = one.account === ref.account && one.fromSlot === ref.slot;
          if (isOf && one.state === "done") takeStep(options, one.id, taken);
        }
      }),
    retireServing: (ref) =>
      ask(() => {
        const row = slotAt(ref);
        if (row?.state !== "SERVING") return;
        row.state = "RETIRING";
        accountOf(tables, ref.account).servingSlot = null;
      }),
  };
}
