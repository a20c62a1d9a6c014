import type { Reason } from "../../../machines/lifecycle.ts";
import { endEverything, type HandlerParts, untilDone } from "../handler-parts.ts";
import { HoldfastError } from "../../errors.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import { isDatabaseAway } from "../../ports/database-away.ts";
import type { RenewalRecord, RenewalStep } from "../../ports/accounts/renewal-store.ts";
import type { LifecycleHandlers } from "../runtime.ts";
import { faultReason } from "../../ports/telegram/telegram-error.ts";
import { restAfter } from "../retry.ts";
import { createPreparing } from "./preparing.ts";

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
   * Aborts the renewal that is open and has not switched; by default its process has died. Under the token only:
   * another host may still be at it otherwise. One that has switched goes on: its new key serves.
   */
  abortOpen(reason?: Reason): Promise<void>;
  /** The same, of what was read of it just now. */
  abort(open: RenewalRecord | null, reason?: Reason): Promise<void>;
  /** Records as done the renewal that has switched to this slot, which has answered, if its record is still missing. */
  complete(serving: number | null): Promise<void>;
  /** Resolves once the renewal that was last finished here is recorded as done, or the account has stopped. */
  ended(): Promise<void>;
}

/** The steps of a renewal: each leaves a row before the next begins, and each may be aborted. */
export function createRenewalHandlers(parts: HandlerParts): RenewalHandlers {
  const { world, serving } = parts;
  const { account, accounts, tokens, gate } = world;
  const tellStep = (renewal: string, step: RenewalStep) =>
    world.events.report({ type: "step", account, renewal, step });

  // The old slot may be logged out only once the database knows that the renewal is done. Otherwise
  // a crash in between would return to a key that no longer works.
  let ended: Promise<void> = Promise.resolve();

  async function finish(renewal: string): Promise<void> {
    await accounts.finishRenewal(renewal);
    tellStep(renewal, "verified");
  }

  /** Waits for a database that is away, as the record of the drain does. Throws every other error of the store. */
  async function markDraining(grant: GrantRef, signal: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await tokens.drain(grant);
        return;
      } catch (error) {
        if (!isDatabaseAway(error) || signal.aborted) throw error;
        await restAfter(world, error, signal, tries);
      }
    }
  }

  const effects: RenewalHandlers["effects"] = {
    prepareSlot: createPreparing({ ...parts, tellStep, ended: () => ended }),

    async drain({ slot, epoch }, visit) {
      try {
        await markDraining({ account, slot, epoch }, visit.signal);
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

    finishRenewal({ renewal }, visit) {
      ended = untilDone(world, visit.life, () => finish(renewal));
      return ended;
    },

    async abortRenewal({ renewal, stillServing, reason }, visit) {
      await untilDone(world, visit.signal, async () => {
        if (!stillServing) await endEverything(parts);
        await accounts.abortRenewal(renewal, reason);
        // A switch that was under way may have been granted the next slot's token in between.
        if (!stillServing) await endEverything(parts);
        visit.emit({ type: "returned" });
      });
    },
  };

  async function abort(open: RenewalRecord | null, reason?: Reason): Promise<void> {
    if (open === null || open.state === "switched") return;
    await accounts.abortRenewal(open.id, reason ?? interrupted(open));
  }

  return {
    effects,
    abortOpen: async (reason) => abort(await accounts.openRenewal(account), reason),
    abort,
    async complete(slot) {
      const open = await accounts.openRenewal(account);
      if (open?.state === "switched" && open.toSlot === slot) await finish(open.id);
    },
    ended: () => ended,
  };
}

const interrupted = ({ state }: RenewalRecord): Reason => ({
  code: "PROCESS_DIED",
  message: `the process died while the renewal was ${state}; the old slot serves again`,
});

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
