import type { AccountKind, Reason } from "../../../../machines/lifecycle.ts";
import { HoldfastError } from "../../../errors.ts";
import type { AccountRecord, AccountStores } from "../../../ports/accounts/account-store.ts";
import type { RenewalRecord, RenewalStep } from "../../../ports/accounts/renewal-store.ts";
import type { SlotRecord, SlotState } from "../../../ports/accounts/slot-store.ts";
import type { SlotRef } from "../../../ports/custody/token-store.ts";
import { defaultDevice } from "../../../ports/telegram/telegram.ts";
import type { TelegramWait, WaitStore } from "../../../ports/telegram/waits.ts";
import type { SimStore } from "../sim-store.ts";
import type { Ask } from "./sim-postgres.ts";

interface SlotRow {
  readonly slot: number;
  state: SlotState;
  keyId: string | null;
  session: Uint8Array | null;
}

interface RenewalRow {
  readonly id: string;
  readonly account: string;
  readonly method: RenewalRecord["method"];
  state: RenewalRecord["state"];
  readonly fromSlot: number;
  toSlot: number | null;
  reason: Reason | null;
}

interface AccountRow {
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

export interface SimAccountsOptions {
  readonly tables: AccountTables;
  readonly tokens: Pick<SimStore, "token" | "apply" | "addToken">;
  readonly ask: Ask;
  readonly nowMs: () => number;
}

const reads = { reads: true };

export function createSimAccounts(options: SimAccountsOptions): SimAccounts {
  const { tables, tokens, ask } = options;
  const { accounts, renewals } = tables;

  const step = (renewal: string, taken: RenewalStep): void =>
    void tables.steps.push({ renewal, step: taken, atMs: options.nowMs() });
  const accountOf = (name: string): AccountRow => {
    const found = accounts.get(name);
    if (found === undefined) throw accountUnknown(name);
    return found;
  };
  const slotOf = ({ account, slot }: SlotRef): SlotRow | undefined =>
    accounts.get(account)?.slots.get(slot);
  const open = (account: string): RenewalRow | undefined =>
    [...renewals.values()].find((one) => one.account === account && isOpen(one));

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

  function moveServing(account: AccountRow, from: SlotRef, becomes: SlotState, to: number): void {
    slotOf(from)!.state = becomes;
    slotOf({ account: account.name, slot: to })!.state = "SERVING";
    account.servingSlot = to;
  }

  function abort(id: string, reason: Reason): void {
    const renewal = renewals.get(id);
    if (renewal === undefined || !isOpen(renewal)) return;
    const { account, state, fromSlot, toSlot } = renewal;
    if (state === "switched" && toSlot !== null) {
      moveServing(accountOf(account), { account, slot: toSlot }, "PENDING", fromSlot);
    }
    renewal.state = "aborted";
    renewal.reason = reason;
    step(id, "aborted");
  }

  function bury(ref: SlotRef, reason: Reason): Awaited<ReturnType<SimAccounts["bury"]>> {
    const { account: name, slot } = ref;
    const account = accountOf(name);
    const row = slotOf(ref);
    if (row !== undefined && ["SERVING", "PENDING", "RETIRING"].includes(row.state))
      row.state = "DEAD";
    if (account.servingSlot !== slot) return { serving: account.servingSlot, renewal: null };
    const renewal = open(name);
    const next = [...account.slots.values()]
      .toReversed()
      .find((one) => one.slot !== slot && mayTakeOver(tables, name, one));
    if (next !== undefined) next.state = "SERVING";
    const serving = next?.slot ?? null;
    account.servingSlot = serving;
    if (renewal === undefined) return { serving, renewal: null };
    const goesOn = renewal.state === "prepared" && renewal.toSlot === serving;
    const taken = goesOn ? "switched" : "aborted";
    renewal.state = taken;
    if (taken === "aborted") renewal.reason = reason;
    step(renewal.id, taken);
    return { serving, renewal: { id: renewal.id, step: taken } };
  }

  return {
    find: (name) => ask(() => recordOf(accounts.get(name)), reads),
    proxy: () => ask(() => null, reads),
    password: () => ask(() => null, reads),
    learnPhone: () => ask(() => {}),
    credentials: (name) =>
      ask(() => {
        const { kind, telegramUserId } = accountOf(name);
        return kind === "bot"
          ? { kind, token: `${telegramUserId}:sim` }
          : { kind, phone: `+${telegramUserId}` };
      }, reads),
    telegramUser: (name) => ask(() => accountOf(name).telegramUserId, reads),
    learnTelegramUser: (name) => ask(() => accountOf(name).telegramUserId),
    cool: (name, untilMs) =>
      ask(() => {
        const account = accountOf(name);
        account.coolingUntilMs = Math.max(account.coolingUntilMs ?? 0, untilMs);
      }),
    recordTransition: ({ account: name, to, reason, renewal, step: taken }) =>
      ask(() => {
        const account = accounts.get(name);
        if (account === undefined) return;
        account.state = to;
        account.reason = reason;
        if (taken !== null && renewal !== null && renewals.has(renewal)) step(renewal, taken);
      }),

    addSlot: (name) => ask(() => ({ account: name, slot: addSlot(accountOf(name)).slot })),
    firstSlot: (name) =>
      ask(() => {
        const account = accountOf(name);
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
        const row = slotOf(ref);
        if (row === undefined) return;
        row.keyId = keyId;
        row.session = bytes;
        const renewal = open(ref.account);
        if (row.state === "PENDING" && renewal?.state === "preparing") step(renewal.id, taken);
      }),
    loadSession: (ref) =>
      ask(() => {
        const { keyId = null, session = null } = slotOf(ref) ?? {};
        return keyId === null || session === null ? null : { keyId, bytes: session };
      }, reads),
    adoptFirstSlot: ({ account: name, slot }, telegramUser) =>
      ask(() => {
        const account = accountOf(name);
        const row = slotOf({ account: name, slot });
        const isFree = account.servingSlot === null && account.telegramUserId === telegramUser;
        if (row?.state !== "PENDING" || !isFree) return false;
        row.state = "SERVING";
        account.servingSlot = slot;
        return true;
      }),
    forgetSlot: (ref, taken) =>
      ask(() => {
        const row = slotOf(ref);
        if (row === undefined || (row.state !== "RETIRING" && row.state !== "PENDING")) return;
        row.state = row.state === "RETIRING" ? "RETIRED" : "DISCARDED";
        row.session = null;
        for (const one of renewals.values()) {
          const isOf = one.account === ref.account && one.fromSlot === ref.slot;
          if (isOf && one.state === "done") step(one.id, taken);
        }
      }),
    retireServing: (ref) =>
      ask(() => {
        const row = slotOf(ref);
        if (row?.state !== "SERVING") return;
        row.state = "RETIRING";
        accountOf(ref.account).servingSlot = null;
      }),

    beginRenewal: ({ id, account: name, method, epoch, incarnation }) =>
      ask(() => {
        const { servingSlot } = accountOf(name);
        if (servingSlot === null || renewals.has(id) || open(name) !== undefined) return false;
        const token = tokens.token({ account: name, slot: servingSlot });
        const isHeld = token?.state === "connected" && token.epoch === epoch;
        if (!isHeld || token.incarnation !== incarnation) return false;
        renewals.set(id, {
          id,
          account: name,
          method,
          state: "preparing",
          fromSlot: servingSlot,
          toSlot: null,
          reason: null,
        });
        step(id, "requested");
        return true;
      }),
    findRenewal: (id) => ask(() => toRenewal(renewals.get(id)), reads),
    openRenewal: (account) => ask(() => toRenewal(open(account)), reads),
    renewalSteps: (id) =>
      ask(
        () =>
          tables.steps
            .filter(({ renewal }) => renewal === id)
            .map(({ step: taken, atMs }) => ({ step: taken, atMs })),
        reads,
      ),
    recordPrepared: (id, slot) =>
      ask(() => {
        const renewal = renewals.get(id);
        if (renewal?.state !== "preparing") return;
        renewal.state = "prepared";
        renewal.toSlot = slot;
        step(id, "authorised");
      }),
    switchSlot: ({ renewal: id, account: name, from, to, incarnation }) =>
      ask(() => {
        const renewal = renewals.get(id);
        const account = accountOf(name);
        const isFree = (slot: number) => tokens.token({ account: name, slot })?.state === "free";
        const isReady = renewal?.state === "prepared" && renewal.toSlot === to;
        if (!isReady || account.servingSlot !== from || !isFree(from) || !isFree(to)) return null;
        const granted = tokens.apply({ account: name, slot: to }, { type: "grant", incarnation });
        if (!granted.applied) return null;
        moveServing(account, { account: name, slot: from }, "RETIRING", to);
        renewal.state = "switched";
        step(id, "switched");
        return { epoch: granted.token.epoch };
      }),
    abortRenewal: (id, reason) => ask(() => abort(id, reason)),
    finishRenewal: (id) =>
      ask(() => {
        const renewal = renewals.get(id);
        if (renewal?.state !== "switched") return;
        renewal.state = "done";
        step(id, "verified");
      }),
    bury: (ref, reason) => ask(() => bury(ref, reason)),
  };
}

const isOpen = ({ state }: RenewalRow): boolean => state !== "done" && state !== "aborted";

/** The slot that a renewal has made, or the one that the last renewal left and that is not logged out yet. */
const mayTakeOver = ({ renewals }: AccountTables, account: string, slot: SlotRow): boolean =>
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

function recordOf(row: AccountRow | undefined): AccountRecord | null {
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

const toSlot = (account: string, { slot, state, keyId }: SlotRow): SlotRecord => ({
  account,
  slot,
  state,
  keyId,
  origin: "made",
});

const toRenewal = (row: RenewalRow | undefined): RenewalRecord | null =>
  row === undefined ? null : { ...row };

const accountUnknown = (name: string) =>
  new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `There is no account "${name}".`,
    next: "See the accounts with: npx holdfast status",
  });

/** The waits that Telegram ordered. */
export function createSimWaits({ waits }: AccountTables, ask: Ask): WaitStore {
  return {
    inForce: (accounts, nowMs) =>
      ask(
        () =>
          new Map(
            accounts.flatMap((account) => {
              const known = [...(waits.get(account)?.values() ?? [])];
              const inForce = known
                .filter(({ untilMs }) => untilMs > nowMs)
                .toSorted((a, b) => b.untilMs - a.untilMs);
              return inForce.length === 0 ? [] : [[account, inForce] as const];
            }),
          ),
        reads,
      ),
    keep: (account, wait, nowMs) =>
      ask(() => {
        const known = waits.get(account) ?? new Map<string, TelegramWait>();
        waits.set(account, known);
        for (const [key, { untilMs }] of known) if (untilMs <= nowMs) known.delete(key);
        const key = `${wait.method} ${wait.chat ?? ""}`;
        const before = known.get(key);
        if (before === undefined || before.untilMs < wait.untilMs) known.set(key, wait);
      }),
  };
}
