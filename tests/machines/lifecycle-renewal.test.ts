import { describe, it } from "vitest";
import type { LifecycleEvent } from "../../machines/lifecycle.ts";
import {
  accountIn,
  drained,
  faulty,
  first,
  granted,
  type Place,
  prepared,
  ready,
  renew,
  returned,
  second,
  switched,
  tokenLost,
  verified,
} from "../fixtures/models/lifecycle-story.ts";

const serving = { active: "serving" };
const startBound = (bound: string) => ({ type: "startBound", params: { bound } });

describe("a renewal", () => {
  it("prepares the new slot while the old one serves, then switches from verified idle", () => {
    accountIn("active")
      .on(renew)
      .is({
        state: { active: "preparing" },
        asks: [
          { type: "prepareSlot", params: { renewal: "r-1", method: "auto-code", serving: 1 } },
          startBound("preparing"),
        ],
        context: { serving: true, epoch: 5 },
      })
      .on(prepared)
      .is({
        state: "draining",
        asks: [{ type: "drain", params: { slot: 1, epoch: 5 } }, startBound("draining")],
      })
      .on(drained)
      .is({
        state: "verified-idle",
        asks: [{ type: "verifyIdle", params: { slot: 1 } }, startBound("verifying")],
        context: { epoch: 0, serving: false },
      })
      .on(verified)
      .is({
        state: "renewing",
        asks: [
          { type: "switchSlot", params: { renewal: "r-1", from: 1, to: 2 } },
          startBound("renewing"),
        ],
      })
      .on(switched)
      .is({
        state: "restarting",
        asks: [{ type: "connect", params: { slot: 2, epoch: 1 } }, startBound("restarting")],
      })
      .on(ready)
      .is({
        state: serving,
        asks: [
          { type: "finishRenewal", params: { renewal: "r-1", slot: 2 } },
          { type: "serve", params: { slot: 2, epoch: 1 } },
          { type: "tidySlots", params: { serving: 2 } },
        ],
        context: { renewal: null, nextSlot: null, slot: 2, reason: null },
      });
  });

  it.each<Place>(["cooling", "paused", "seeking", "connecting", "quarantined"])(
    "is not begun in %s",
    (place) => {
      const before = accountIn(place);
      before.on(renew).is({
        state: before.snapshot.value,
        context: { renewal: null },
      });
    },
  );

  it("does not begin a second one", () => {
    accountIn("preparing")
      .on({ type: "renew", id: "r-2", method: "auto-code" })
      .is({ state: { active: "preparing" }, context: { renewal: { id: "r-1" } } });
  });
});

describe("a renewal aborts to the old slot", () => {
  const aborted: readonly { place: Place; cause: LifecycleEvent; bound?: true }[] = [
    { place: "draining", cause: { type: "drain.failed", reason: faulty } },
    { place: "draining", cause: tokenLost },
    { place: "draining", cause: { type: "bound.passed", bound: "draining" } },
    { place: "verified-idle", cause: { type: "idle.refused", reason: faulty } },
    { place: "verified-idle", cause: { type: "bound.passed", bound: "verifying" } },
    { place: "renewing", cause: { type: "switch.failed", reason: faulty } },
    { place: "renewing", cause: { type: "bound.passed", bound: "renewing" } },
    { place: "restarting", cause: { type: "client.failed", reason: faulty } },
    { place: "restarting", cause: { type: "key.dead", grant: second, reason: faulty } },
    { place: "restarting", cause: { type: "token.lost", grant: second, reason: faulty } },
    { place: "restarting", cause: { type: "bound.passed", bound: "restarting" } },
  ];

  it.each(aborted)("$cause.type in $place: it is sought and connected again", (told) => {
    accountIn(told.place)
      .on(told.cause)
      .is({
        state: "aborting",
        asks: ["abortRenewal", "startBound"],
        context: { slot: 1, nextSlot: 2, epoch: 0, serving: false },
      })
      .on(returned)
      .is({
        state: "seeking",
        asks: [{ type: "seekToken", params: { slot: 1 } }, startBound("seeking")],
        context: { renewal: null, nextSlot: null },
      })
      .after(granted)
      .on(ready)
      .is({ state: serving, asks: ["serve", { type: "tidySlots", params: { serving: 1 } }] });
  });

  it.each<LifecycleEvent>([
    { type: "prepare.failed", reason: faulty },
    { type: "bound.passed", bound: "preparing" },
  ])("$type while preparing: the old slot never stopped serving", (cause) => {
    accountIn("preparing")
      .on(cause)
      .is({
        state: "aborting",
        asks: ["abortRenewal", "startBound"],
        context: { serving: true, epoch: 5 },
      })
      .on(returned)
      .is({ state: serving, asks: ["serve", "tidySlots"], context: { renewal: null, epoch: 5 } });
  });

  it("tells what to do about the client: leave it while it serves, end it otherwise", () => {
    accountIn("preparing")
      .on({ type: "prepare.failed", reason: faulty })
      .is({
        state: "aborting",
        asks: [
          {
            type: "abortRenewal",
            params: { renewal: "r-1", slot: 1, nextSlot: null, stillServing: true, reason: faulty },
          },
          startBound("aborting"),
        ],
      });
    accountIn("restarting")
      .on({ type: "client.failed", reason: faulty })
      .is({
        state: "aborting",
        asks: [
          {
            type: "abortRenewal",
            params: { renewal: "r-1", slot: 1, nextSlot: 2, stillServing: false, reason: faulty },
          },
          startBound("aborting"),
        ],
      });
  });

  it("tries the abort again when it takes too long", () => {
    accountIn("aborting after the drain")
      .on({ type: "bound.passed", bound: "aborting" })
      .is({ state: "aborting", asks: ["abortRenewal", "startBound"] });
  });

  it.each(["client.lost", "token.lost"] as const)(
    "%s during the abort: what the client held is ended before the token is sought",
    (type) => {
      accountIn("aborting while serving")
        .on({ type, grant: first, reason: faulty })
        .is({
          state: "aborting",
          asks: [
            {
              type: "abortRenewal",
              params: {
                renewal: "r-1",
                slot: 1,
                nextSlot: null,
                stillServing: false,
                reason: faulty,
              },
            },
            startBound("aborting"),
          ],
        })
        .on(returned)
        .is({ state: "seeking", asks: ["seekToken", "startBound"] });
    },
  );
});
