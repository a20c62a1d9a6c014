import type { Reason } from "../../machines/lifecycle.ts";
import { HoldfastError } from "../errors.ts";
import type { LifecycleHandlers } from "./account-runtime.ts";
import type { AccountWorld } from "./account-world.ts";
import { claimWhenFree, noteRetry, pause } from "./claim-when-free.ts";
import { endEverything } from "./end-everything.ts";
import { faultReason, isDeadKey } from "./fault-reason.ts";
import { withAdvice } from "./login-advice.ts";
import { createRenewalHandlers } from "./renewal-handlers.ts";
import type { ServingSlot } from "./serving-slot.ts";
import type { SideSlots } from "./side-slots.ts";
import { freeToken } from "./slot-connection.ts";

export interface HandlerParts {
  readonly world: AccountWorld;
  readonly serving: ServingSlot;
  readonly sideSlots: SideSlots;
}

/** What is done for each effect of the lifecycle. Every result goes back as an event of the visit. */
export function createLifecycleHandlers(parts: HandlerParts): LifecycleHandlers {
  const { world, serving, sideSlots } = parts;
  const { account, accounts, clock } = world;

  const renewals = createRenewalHandlers(parts);

  async function servingSlotUnderToken(slot: number): Promise<number> {
    const [aborted, record] = await Promise.all([renewals.abortOpen(), accounts.find(account)]);
    const now = aborted ? await accounts.find(account) : record;
    return now?.servingSlot ?? slot;
  }

  let failedConnects = 0;
  // Whatever comes next must not take a key that is dead for one that serves.
  let buryDeadKey: () => Promise<void> = async () => {};

  return {
    ...renewals.effects,

    async authorise({ login, method }, visit) {
      try {
        await buryDeadKey();
        const { slot } = await sideSlots.logIn({
          of: login,
          method,
          signal: visit.signal,
          approve: () => Promise.reject(nobodyServes(account)),
          onCodeRequested: () => {},
          onConnected: () => {},
        });
        visit.emit({ type: "slot.authorised", slot });
      } catch (error) {
        visit.emit({ type: "login.failed", reason: withAdvice(faultReason(error)) });
      }
    },

    async seekToken({ slot }, visit) {
      const ref = { account, slot };
      try {
        await accounts.loadSession(ref);
      } catch (error) {
        if (!isDeadKey(error)) throw error;
        visit.emit({ type: "key.dead", reason: faultReason(error) });
        return;
      }
      if (failedConnects > 1) await pause(world, visit.signal, connectBackoffMs(failedConnects));
      if (visit.signal.aborted) return;
      const grant = await claimWhenFree(world, ref, visit.signal);
      if (grant === null) return;
      if (visit.signal.aborted) return freeToken(world, grant, true);
      serving.prepare(grant);
      // Nothing can move the account while its token is held: what serves now is what is connected.
      const now = await servingSlotUnderToken(slot);
      if (now === slot) return visit.emit({ type: "token.granted", epoch: grant.epoch });
      await serving.end();
      await freeToken(world, grant, true);
      visit.emit({ type: "slot.moved", slot: now });
    },

    async connect({ slot, epoch }, visit) {
      try {
        await serving.open({ account, slot, epoch }, visit.signal);
        visit.emit({ type: "client.ready" });
      } catch (error) {
        failedConnects += 1;
        const reason = faultReason(error);
        visit.emit({ type: isDeadKey(error) ? "key.dead" : "client.failed", reason });
      }
    },

    async serve(_params, visit) {
      failedConnects = 0;
      const leftMs = (serving.coolingUntilMs ?? 0) - clock.now();
      // Another process of this account was told to be silent.
      if (leftMs > 0) visit.emit({ type: "flood", waitSeconds: Math.ceil(leftMs / 1000) });
      else await serving.serve();
    },

    async hold({ waitSeconds }, visit) {
      serving.hold();
      if (waitSeconds === null) return;
      const cancel = clock.schedule(waitSeconds * 1000, () => visit.emit({ type: "cooled" }));
      visit.signal.addEventListener("abort", cancel, { once: true });
    },

    async tidySlots({ serving: slot }, visit) {
      await renewals.ended();
      await untilDone(parts, visit.signal, buryDeadKey);
      if (slot === null && !visit.signal.aborted) {
        // Another host may have logged it in while this one was at something else.
        const now = (await accounts.find(account))?.servingSlot ?? null;
        if (now !== null) visit.emit({ type: "slot.moved", slot: now });
      }
      while (!visit.signal.aborted && !(await sideSlots.tidy(slot, visit.signal))) {
        await pause(world, visit.signal);
      }
    },

    async cut({ reason }, visit) {
      await untilDone(parts, visit.signal, async () => {
        await endEverything(parts);
        await renewals.abortOpen(reason);
      });
      visit.emit({ type: "cut.confirmed" });
    },

    async quarantine({ slot, reason }, visit) {
      buryDeadKey = once(async () => {
        await endEverything(parts);
        await renewals.abortOpen(reason);
        if (slot !== null) await accounts.markDead({ account, slot });
      });
      await untilDone(parts, visit.signal, buryDeadKey);
    },

    async retireServing({ slot }, visit) {
      await untilDone(parts, visit.signal, () => accounts.retireServing({ account, slot }));
      visit.emit({ type: "slot.retired" });
    },

    async release(_params, visit) {
      await endEverything(parts);
      await renewals.abortOpen(stopped).catch(() => undefined);
      visit.emit({ type: "released" });
    },
  };
}

const stopped: Reason = {
  code: "STOP_WANTED",
  message: "a stop was asked for before the renewal was done; the old slot serves next",
};

const nobodyServes = (account: string) =>
  new HoldfastError({
    code: "NOBODY_SERVES",
    message: `${account} has no session that could approve another.`,
    next: `Log it in by code or QR: npx holdfast auth ${account} --method qr`,
  });

/** Tries again until it succeeds or the state is left: safety work does not give up on a lost database. */
async function untilDone(
  { world }: HandlerParts,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await work();
      return;
    } catch (error) {
      noteRetry(world, error);
      await pause(world, signal);
    }
  }
}

/** Runs the work when it is asked for, one run at a time, until one has succeeded. */
function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return () => {
    running ??= work().catch((error: unknown) => {
      running = null;
      throw error;
    });
    return running;
  };
}

/** The first failure is answered at once; a data centre that stays away is not asked in a tight loop. */
const connectBackoffMs = (failures: number): number => Math.min(250 * 2 ** (failures - 2), 5000);
