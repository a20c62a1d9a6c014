import type { Reason } from "../../machines/lifecycle.ts";
import { endEverything, type HandlerParts, untilDone } from "./handler-parts.ts";
import { once } from "../concurrency/once.ts";
import { wait } from "../concurrency/wait.ts";
import { HoldfastError } from "../errors.ts";
import { isOtherAccount } from "./identity.ts";
import type { LifecycleHandlers } from "./runtime.ts";
import { callOfLogOut, firstOfServing } from "./waiting-client.ts";
import { faultReason, isDeadKey } from "../ports/telegram/telegram-error.ts";
import { withAdvice } from "./login/advice.ts";
import { createRenewalHandlers } from "./renewal/handlers.ts";

/**
 * The work behind each effect of the lifecycle. Every result goes back as an event of the visit.
 */
export function createLifecycleHandlers(parts: HandlerParts): LifecycleHandlers {
  const { world, grants, serving, sideSlots } = parts;
  const { account, accounts, clock, timings } = world;

  const renewals = createRenewalHandlers(parts);

  async function servingSlotUnderToken(slot: number): Promise<number> {
    const [aborted, record] = await Promise.all([renewals.abortOpen(), accounts.find(account)]);
    const now = aborted ? await accounts.find(account) : record;
    return now?.servingSlot ?? slot;
  }

  let failedConnects = 0;
  // The next state must not take a dead key for a serving one.
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
      // The first failure is answered at once, but never before Telegram's own wait is over.
      const restMs = Math.max(
        failedConnects > 1 ? connectBackoffMs(failedConnects) : 0,
        world.waits.restMs(firstOfServing.method),
      );
      if (restMs > 0) await wait(clock, restMs, visit.signal);
      if (visit.signal.aborted) return;
      const grant = await grants.seek(ref, visit.signal);
      if (grant === null) return;
      if (visit.signal.aborted) return grants.free(grant, { idle: true });
      serving.prepare(grant);
      // The account cannot move while its token is held: the slot that serves now is the connected
      // one.
      const now = await servingSlotUnderToken(slot);
      if (now === slot) return visit.emit({ type: "token.granted", epoch: grant.epoch });
      await serving.end();
      await grants.free(grant, { idle: true });
      visit.emit({ type: "slot.moved", slot: now });
    },

    async connect({ slot, epoch }, visit) {
      try {
        await serving.open({ account, slot, epoch }, visit.signal);
        visit.emit({ type: "client.ready" });
      } catch (error) {
        failedConnects += 1;
        const reason = faultReason(error);
        // Another person's key is no key of the account.
        const isOver = isDeadKey(error) || isOtherAccount(error);
        visit.emit({ type: isOver ? "key.dead" : "client.failed", reason });
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
      // The silence ends when Telegram said, however long it took to write it down.
      const untilMs = serving.coolingUntilMs ?? clock.now() + waitSeconds * 1000;
      const restMs = Math.max(untilMs - clock.now(), 0);
      const cancel = clock.schedule(restMs, () => visit.emit({ type: "cooled" }));
      visit.signal.addEventListener("abort", cancel, { once: true });
    },

    async tidySlots({ serving: slot }, visit) {
      await renewals.ended();
      await untilDone(world, visit.signal, buryDeadKey);
      if (slot === null && !visit.signal.aborted) {
        // Another host may have logged it in while this one was at something else.
        const now = (await accounts.find(account))?.servingSlot ?? null;
        if (now !== null) visit.emit({ type: "slot.moved", slot: now });
      }
      // The key before goes only once the one that serves has shown that it can take its place.
      if (slot !== null) await serving.untilFilled(visit.signal);
      while (!visit.signal.aborted && !(await sideSlots.tidy(slot, visit.signal))) {
        const restMs = world.waits.restMs(callOfLogOut.method);
        await wait(clock, Math.max(timings.tidyRetryMs, restMs), visit.signal);
      }
    },

    async cut({ reason }, visit) {
      await untilDone(world, visit.signal, async () => {
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
      await untilDone(world, visit.signal, buryDeadKey);
    },

    async retireServing({ slot }, visit) {
      await untilDone(world, visit.signal, () => accounts.retireServing({ account, slot }));
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

/** A data centre that stays away is not asked in a tight loop. */
const connectBackoffMs = (failures: number): number => Math.min(250 * 2 ** (failures - 2), 5000);
