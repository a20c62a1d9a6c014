import { describe, it } from "vitest";
import { type LifecycleEvent, lifecycleMachine } from "../../machines/lifecycle.ts";
import { specify } from "../fixtures/models/specify.ts";
import {
  accountIn,
  buried,
  dead,
  login,
  drained,
  type Place,
  ready,
  released,
  returned,
  stop,
  switched,
  user,
  verified,
} from "../fixtures/models/lifecycle-story.ts";

const startBound = (bound: string) => ({ type: "startBound", params: { bound } });

describe("stop", () => {
  it.each<Place>(["active", "cooling", "paused"])(
    "lets a connected account that is %s finish its calls, then frees its token",
    (place) => {
      accountIn(place)
        .on(stop)
        .is({ state: "draining", asks: ["drain", "startBound"] })
        .on(drained)
        .is({
          state: "releasing",
          asks: [{ type: "release", params: { slot: 1, epoch: 5 } }, startBound("releasing")],
        })
        .on(released)
        .is({ state: "stopped", context: { epoch: 0 } });
    },
  );

  it.each<Place>(["seeking", "connecting", "fenced", "burying", "quarantined"])(
    "frees what an account that is %s may still hold, then stops",
    (place) => {
      accountIn(place)
        .on(stop)
        .is({ state: "releasing", asks: ["release", "startBound"] })
        .on(released)
        .is({ state: "stopped" });
    },
  );

  it("ends an account that waits for its login at once", () => {
    specify(lifecycleMachine, { ...user, slot: null })
      .on(stop)
      .is({ state: "stopped" });
  });

  it("frees the slot that a login was just authorising", () => {
    specify(lifecycleMachine, { ...user, slot: null })
      .after(login)
      .on(stop)
      .is({ state: "releasing", asks: ["release", "startBound"] });
  });

  it("while a new slot is prepared aborts the renewal on record, then drains", () => {
    accountIn("preparing")
      .on(stop)
      .is({
        state: "aborting",
        asks: ["abortRenewal", "startBound"],
        context: { reason: { code: "STOP_WANTED" } },
      })
      .on(returned)
      .is({ state: "draining", asks: ["drain", "startBound"], context: { renewal: null } })
      .on(drained)
      .is({ state: "releasing", asks: ["release", "startBound"] });
  });

  it("once the old slot drains finishes the renewal first, then stops on the new slot", () => {
    accountIn("draining")
      .on(stop)
      .is({ state: "draining" })
      .on(drained)
      .is({ state: "verified-idle", asks: ["verifyIdle", "startBound"] })
      .on(verified)
      .is({ state: "renewing", asks: ["switchSlot", "startBound"] })
      .on(switched)
      .is({ state: "restarting", asks: ["connect", "startBound"] })
      .on(ready)
      .is({
        state: "draining",
        asks: [
          { type: "finishRenewal", params: { renewal: "r-1", slot: 2 } },
          { type: "drain", params: { slot: 2, epoch: 1 } },
          startBound("draining"),
        ],
      })
      .on(drained)
      .is({
        state: "releasing",
        asks: [{ type: "release", params: { slot: 2, epoch: 1 } }, startBound("releasing")],
      });
  });

  it.each<Place>(["verified-idle", "renewing", "restarting", "aborting after the drain"])(
    "during %s is remembered until the renewal has ended",
    (place) => {
      const before = accountIn(place);
      before.on(stop).is({ state: before.snapshot.value, context: { stopWanted: true } });
    },
  );

  it("after an abort frees the old slot instead of seeking it", () => {
    accountIn("aborting after the drain")
      .after(stop)
      .on(returned)
      .is({ state: "releasing", asks: ["release", "startBound"] });
  });

  it("gives up an abort that takes too long: the next start will end it", () => {
    accountIn("aborting after the drain")
      .after(stop)
      .on({ type: "bound.passed", bound: "aborting" })
      .is({ state: "releasing", asks: ["release", "startBound"], context: { renewal: null } });
  });

  it.each<Place>(["draining to stop", "aborting while serving"])(
    "is not forgotten when the key dies while %s",
    (place) => {
      accountIn(place)
        .after(stop)
        .on(dead)
        .is({ state: "burying", asks: ["bury", "startBound"] })
        .on(buried)
        .is({ state: "releasing", asks: ["release", "startBound"] })
        .on(released)
        .is({ state: "stopped" });
    },
  );

  it.each<LifecycleEvent>([
    { type: "slot.moved", slot: 2 },
    { type: "bound.passed", bound: "burying" },
  ])("is not forgotten when a dead key's burial ends with $type", (end) => {
    accountIn("draining to stop")
      .after(dead)
      .on(end)
      .is({ state: "releasing", asks: ["release", "startBound"] });
  });

  it("stops within its bound even when nothing confirms that the token is free", () => {
    accountIn("seeking")
      .after(stop)
      .on({ type: "bound.passed", bound: "releasing" })
      .is({ state: "stopped", context: { reason: { code: "BOUND_RELEASING" } } });
  });
});
