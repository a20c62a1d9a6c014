import type { Reason } from "../../../../machines/lifecycle.ts";
import type { Burial, BurialStore } from "../../../ports/accounts/burial-store.ts";
import type { RenewalStep, RenewalStore } from "../../../ports/accounts/renewal-store.ts";
import type { SlotState } from "../../../ports/accounts/slot-store.ts";
import type { SlotRef } from "../../../ports/custody/token-store.ts";
import {
  accountOf,
  type AccountRow,
  isOpen,
  mayTakeOver,
  openRenewalOf,
  type SimAccountsOptions,
  slotOf,
  takeStep,
  toRenewal,
} from "./account-tables.ts";

const reads = { reads: true };

/** Renewals, and the burial of keys. */
export function createSimRenewals(
  options: SimAccountsOptions,
): Omit<RenewalStore, "recordNotBegun"> & BurialStore {
  const { tables, tokens, ask } = options;
  const { renewals } = tables;
  const step = (renewal: string, taken: RenewalStep): void => takeStep(options, renewal, taken);

  function moveServing(account: AccountRow, from: SlotRef, becomes: SlotState, to: number): void {
    slotOf(tables, from)!.state = becomes;
    slotOf(tables, { account: account.name, slot: to })!.state = "SERVING";
    account.servingSlot = to;
  }

  function abort(id: string, reason: Reason): void {
    const renewal = renewals.get(id);
    if (renewal === undefined || !isOpen(renewal)) return;
    const { account, state, fromSlot, toSlot } = renewal;
    if (state === "switched" && toSlot !== null) {
      moveServing(accountOf(tables, account), { account, slot: toSlot }, "PENDING", fromSlot);
    }
    renewal.state = "aborted";
    renewal.reason = reason;
    step(id, "aborted");
  }

  function bury(ref: SlotRef, reason: Reason): Burial {
    const { account: name, slot } = ref;
    const account = accountOf(tables, name);
    const row = slotOf(tables, ref);
    if (row !== undefined && ["SERVING", "PENDING", "RETIRING"].includes(row.state))
      row.state = "DEAD";
    if (account.servingSlot !== slot) return { serving: account.servingSlot, renewal: null };
    const renewal = openRenewalOf(tables, name);
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
    beginRenewal: ({ id, account: name, method, epoch, incarnation }) =>
      ask(() => {
        const { servingSlot } = accountOf(tables, name);
        if (servingSlot === null || renewals.has(id) || openRenewalOf(tables, name) !== undefined)
          return false;
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
    openRenewal: (account) => ask(() => toRenewal(openRenewalOf(tables, account)), reads),
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
        const account = accountOf(tables, name);
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
