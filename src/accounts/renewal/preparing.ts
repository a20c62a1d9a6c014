import type { Reason } from "../../../machines/lifecycle.ts";
import { HoldfastError } from "../../errors.ts";
import type { RenewalStep } from "../../ports/accounts/renewal-store.ts";
import { faultReason } from "../../ports/telegram/telegram-error.ts";
import { type HandlerParts, untilDone } from "../handler-parts.ts";
import { withAdvice } from "../login/advice.ts";
import type { LifecycleHandlers } from "../runtime.ts";

interface PreparingParts extends HandlerParts {
  tellStep(renewal: string, step: RenewalStep): void;
  /** Resolves once the renewal before is recorded as done. */
  ended(): Promise<void>;
}

/** The first steps of a renewal: a key beside the one that serves, logged in and on record. */
export function createPreparing(parts: PreparingParts): LifecycleHandlers["prepareSlot"] {
  const { world, serving, sideSlots, tellStep, ended } = parts;
  const { account, accounts, gate, clock, timings } = world;

  return async ({ renewal, method }, visit) => {
    let cancelLook = () => {};
    let isPrepared = false;
    try {
      await ended();
      visit.signal.throwIfAborted();
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
        async onAuthorised({ slot }) {
          await accounts.recordPrepared(renewal, slot);
          isPrepared = true;
          tellStep(renewal, "authorised");
        },
      });
      visit.signal.throwIfAborted();
      visit.emit({ type: "slot.prepared", slot: ref.slot });
    } catch (error) {
      if (!visit.signal.aborted) {
        return visit.emit({ type: "prepare.failed", reason: withAdvice(faultReason(error)) });
      }
      // The state was left and looked for the renewal before its row came: the row may not stay
      // open. A key that is logged in is the next state's to judge: it may be the only one left.
      if (isPrepared) return;
      await untilDone(world, visit.life, () => accounts.abortRenewal(renewal, leftBehind));
    } finally {
      cancelLook();
    }
  };
}

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
