import type { Reason } from "../../../machines/lifecycle.ts";
import { endEverything, type HandlerParts } from "../handler-parts.ts";
import { HoldfastError } from "../../errors.ts";
import type { RenewalRecord, RenewalStep } from "../../ports/accounts/renewal-store.ts";
import type { LifecycleHandlers } from "../runtime.ts";
import { faultReason } from "../../ports/telegram/telegram-error.ts";
import { withAdvice } from "../login/advice.ts";

type RenewalEffects =
  | "prepareSlot"
  | "drain"
  | "verifyIdle"
  | "switchSlot"
  | "finishRenewal"
  | "abortRenewal";

export interface RenewalHandlers {
  readonly effects: Pick<LifecycleHandlers, RenewalEffects>;
  /**
   * Aborts the renewal that is open, if one is; by default its process has died. Under the token only: another host may
   * still be at it otherwise. `false`: none was open.
   */
  abortOpen(reason?: Reason): Promise<boolean>;
  /** Settles once the renewal that was last finished here is recorded as done, or could not be. */
  ended(): Promise<void>;
}

/** The steps of a renewal: each leaves a row before the next begins, and each may be aborted. */
export function createRenewalHandlers(parts: HandlerParts): RenewalHandlers {
  const { world, serving, sideSlots } = parts;
  const { account, accounts, tokens, gate, clock, timings } = world;
  const tellStep = (renewal: string, step: RenewalStep) =>
    world.events.report({ type: "step", account, renewal, step });

  // The old slot may be logged out only once the database knows that the renewal is done. Otherwise
  // a crash in between would return to a key that no longer works.
  let ended: Promise<void> = Promise.resolve();

  const effects: RenewalHandlers["effects"] = {
    async prepareSlot({ renewal, method }, visit) {
      let cancelLook = () => {};
      try {
        const { epoch = 0 } = serving.grant ?? {};
        const { incarnation } = gate;
        const begun = await accounts.beginRenewal({
          id: renewal,
          account,
          method,
          epoch,
          incarnation,
        });
        if (!begun) throw renewalKnown(renewal);
        tellStep(renewal, "requested");
        visit.signal.throwIfAborted();
        const ref = await sideSlots.authorise({
          of: renewal,
          method,
          signal: visit.signal,
          approve: (token) => serving.use((client) => client.acceptLoginToken(token)),
          onConnected: () => tellStep(renewal, "key-stored"),
          onCodeRequested() {
            cancelLook = clock.schedule(timings.codeLookMs, serving.refresh);
          },
        });
        await accounts.recordPrepared(renewal, ref.slot);
        tellStep(renewal, "authorised");
        visit.signal.throwIfAborted();
        visit.emit({ type: "slot.prepared", slot: ref.slot });
      } catch (error) {
        // The state was left and looked for the renewal before its row came: the row may not stay
        // open.
        if (visit.signal.aborted) await accounts.abortRenewal(renewal, leftBehind);
        else visit.emit({ type: "prepare.failed", reason: withAdvice(faultReason(error)) });
      } finally {
        cancelLook();
      }
    },

    async drain({ slot, epoch }, visit) {
      try {
        await tokens.drain({ account, slot, epoch });
        await serving.drain();
        visit.emit({ type: "drained" });
      } catch (error) {
        visit.emit({ type: "drain.failed", reason: faultReason(error) });
      }
    },

    async verifyIdle({ slot }, visit) {
      try {
        const ref = { account, slot };
        const [sockets, token] = await Promise.all([gate.sockets(ref), tokens.read(ref)]);
        const uses = [
          sockets > 0 &&
            `the gate has ${sockets} socket(s) of the key, or its journal an open without a close`,
          serving.callsInFlight > 0 && `${serving.callsInFlight} call(s) are in flight`,
          serving.grant !== null && "the client of the old slot has not ended",
          token?.state !== "free" && `its token is ${token?.state ?? "missing"}`,
        ].filter((use) => use !== false);
        if (uses.length > 0) throw notIdle(uses);
        visit.emit({ type: "idle.verified" });
      } catch (error) {
        visit.emit({ type: "idle.refused", reason: faultReason(error) });
      }
    },

    async switchSlot({ renewal, from, to }, visit) {
      try {
        const { incarnation } = gate;
        const switched = await accounts.switchSlot({ renewal, account, from, to, incarnation });
        if (switched === null) throw switchRefused(from, to);
        tellStep(renewal, "switched");
        visit.emit({ type: "switched", epoch: switched.epoch });
      } catch (error) {
        visit.emit({ type: "switch.failed", reason: faultReason(error) });
      }
    },

    finishRenewal({ renewal }) {
      ended = accounts.finishRenewal(renewal).then(() => tellStep(renewal, "verified"));
      return ended;
    },

    async abortRenewal({ renewal, stillServing, reason }, visit) {
      if (!stillServing) await endEverything(parts);
      await accounts.abortRenewal(renewal, reason);
      // A switch that was under way may have been granted the next slot's token in between.
      if (!stillServing) await endEverything(parts);
      visit.emit({ type: "returned" });
    },
  };

  return {
    effects,
    async abortOpen(reason) {
      const open = await accounts.openRenewal(account);
      if (open !== null) await accounts.abortRenewal(open.id, reason ?? interrupted(open));
      return open !== null;
    },
    ended: () => ended,
  };
}

const interrupted = ({ state }: RenewalRecord): Reason => ({
  code: "PROCESS_DIED",
  message: `the process died while the renewal was ${state}; the old slot serves again`,
});

const leftBehind: Reason = {
  code: "RENEWAL_LEFT",
  message: "the account left its state while the new slot was being prepared",
};

function renewalKnown(id: string): HoldfastError {
  return new HoldfastError({
    code: "RENEWAL_KNOWN",
    message: `Renewal ${id} was asked for before, another one is open, or the account is no longer held here.`,
    next: "See it with: npx holdfast status",
  });
}

function notIdle(uses: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: "NOT_IDLE",
    message: `Something still uses the old key: ${uses.join("; ")}.`,
    next: "The old session stays; look at it with: npx holdfast status",
  });
}

function switchRefused(from: number, to: number): HoldfastError {
  return new HoldfastError({
    code: "SWITCH_REFUSED",
    message: `The database refused the switch from slot ${from} to slot ${to}.`,
    next: "The old session stays; look at it with: npx holdfast status",
  });
}
