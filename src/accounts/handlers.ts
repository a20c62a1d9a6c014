import type { Reason } from "../../machines/lifecycle.ts";
import { endEverything, type HandlerParts, untilDone } from "./handler-parts.ts";
import { wait } from "../concurrency/wait.ts";
import { HoldfastError } from "../errors.ts";
import { isOtherAccount } from "./identity.ts";
import type { LifecycleHandlers } from "./runtime.ts";
import { createSeeking } from "./seeking.ts";
import { callOfLogOut } from "./waiting-client.ts";
import type { Burial } from "../ports/accounts/burial-store.ts";
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

  const seek = createSeeking({ world, grants, serving, abort: renewals.abort });

  let failedConnects = 0;

  return {
    ...renewals.effects,

    async authorise({ login, method }, visit) {
      try {
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

    seekToken: ({ slot }, visit) => seek(slot, visit, connectBackoffMs(failedConnects)),

    async connect({ slot, epoch }, visit) {
      try {
        await serving.open({ account, slot, epoch }, visit.signal);
        visit.emit({ type: "client.ready" });
      } catch (error) {
        failedConnects += 1;
        const reason = faultReason(error);
        // Another person's key is no key of the account.
        const isOver = isDeadKey(error) || isOtherAccount(error);
        if (isOver) visit.emit({ type: "key.dead", grant: { slot, epoch }, reason });
        else visit.emit({ type: "client.failed", reason });
      }
    },

    async serve(grant, visit) {
      failedConnects = 0;
      const leftMs = (serving.coolingUntilMs ?? 0) - clock.now();
      // Another process of this account was told to be silent.
      if (leftMs > 0) visit.emit({ type: "flood", grant, waitSeconds: Math.ceil(leftMs / 1000) });
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
      await untilDone(world, visit.signal, () => renewals.complete(slot));
      if (slot === null && !visit.signal.aborted) {
        // Another host may have logged it in while this one was at something else.
        const now = (await accounts.find(account))?.servingSlot ?? null;
        if (now !== null) visit.emit({ type: "slot.moved", slot: now });
      }
      // The key before goes only once the one that serves has shown that it can take its place.
      if (slot !== null) await serving.untilFilled(visit.signal);
      while (!visit.signal.aborted) {
        let isTidy = false;
        await untilDone(world, visit.signal, async () => {
          isTidy = await sideSlots.tidy(slot, visit.signal);
        });
        if (isTidy) return;
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

    async bury({ slot, reason }, visit) {
      await untilDone(world, visit.signal, async () => {
        await endEverything(parts);
        // A new key that is just being logged in counts, if Telegram has let it in.
        await sideSlots.idle();
        await endEverything(parts);
        const { serving: next, renewal } = await accounts.bury({ account, slot }, reason);
        if (renewal !== null) world.events.report({ type: "step", account, ...toldStep(renewal) });
        if (next === null) return visit.emit({ type: "buried" });
        world.events.report({ type: "note", account, ...keyReplaced(slot, next, reason) });
        visit.emit({ type: "slot.moved", slot: next });
      });
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

const toldStep = ({ id, step }: NonNullable<Burial["renewal"]>) => ({ renewal: id, step });

const keyReplaced = (dead: number, next: number, { code }: Reason) => ({
  code: "KEY_REPLACED",
  message: `the key of slot ${dead} is dead (${code}); slot ${next}, which was logged in already, serves from now on`,
});

const nobodyServes = (account: string) =>
  new HoldfastError({
    code: "NOBODY_SERVES",
    message: `${account} has no session that could approve another.`,
    next: `Log it in by code or QR: npx holdfast auth ${account} --method qr`,
  });

/** The first failure is answered at once; a data centre that stays away is not asked in a tight loop. */
const connectBackoffMs = (failures: number): number =>
  failures > 1 ? Math.min(250 * 2 ** (failures - 2), 5000) : 0;
