import { describe, expect, it } from "vitest";
import { type LifecycleEvent, lifecycleMachine } from "../../machines/lifecycle.ts";
import { specify } from "../fixtures/models/specify.ts";
import {
  accountIn,
  buried,
  dead,
  faulty,
  first,
  granted,
  login,
  type Place,
  ready,
  second,
  tokenLost,
  user,
} from "../fixtures/models/lifecycle-story.ts";

const serving = { active: "serving" };
const startBound = (bound: string) => ({ type: "startBound", params: { bound } });

const newcomer = () => specify(lifecycleMachine, { ...user, slot: null });

describe("an account without an authorisation", () => {
  it("waits for an operator to log it in", () => {
    newcomer().is({
      state: { unauthorised: "waiting" },
      asks: [{ type: "tidySlots", params: { serving: null } }],
    });
  });

  it("authorises its first slot at login, then seeks that slot's token", () => {
    newcomer()
      .on(login)
      .is({
        state: { unauthorised: "authorising" },
        asks: [
          {
            type: "authorise",
            params: { account: "amelie", login: "login-1", method: "code" },
          },
          startBound("authorising"),
        ],
      })
      .on({ type: "slot.authorised", slot: 1 })
      .is({
        state: "seeking",
        asks: [{ type: "seekToken", params: { slot: 1 } }, startBound("seeking")],
      });
  });

  it("waits again, and says why, when the login failed", () => {
    newcomer()
      .after(login)
      .on({ type: "login.failed", reason: faulty })
      .is({
        state: { unauthorised: "waiting" },
        asks: ["tidySlots"],
        context: { reason: faulty, login: null },
      });
  });
});

describe("an account that was authorised before", () => {
  it("seeks its token at once", () => {
    specify(lifecycleMachine, user).is({ state: "seeking", asks: ["seekToken", "startBound"] });
  });

  it("keeps seeking while the token is held elsewhere", () => {
    accountIn("seeking")
      .on({ type: "bound.passed", bound: "seeking" })
      .is({ state: "seeking", asks: ["seekToken", "startBound"] });
  });

  it("connects under the epoch that it was granted, within a bound", () => {
    accountIn("seeking")
      .on(granted)
      .is({
        state: "connecting",
        asks: [{ type: "connect", params: { slot: 1, epoch: 5 } }, startBound("connecting")],
      });
  });

  it("serves once its client has answered, and only then logs out slots that are left over", () => {
    accountIn("connecting")
      .on(ready)
      .is({
        state: serving,
        asks: [
          { type: "serve", params: { slot: 1, epoch: 5 } },
          { type: "tidySlots", params: { serving: 1 } },
        ],
      });
  });

  it.each<LifecycleEvent>([
    { type: "client.failed", reason: faulty },
    { type: "bound.passed", bound: "connecting" },
    tokenLost,
  ])("is cut when connecting meets $type, and seeks again once the cut is confirmed", (fault) => {
    accountIn("connecting")
      .on(fault)
      .is({ state: "fenced", asks: ["cut"], context: { epoch: 0 } })
      .on({ type: "cut.confirmed" })
      .is({ state: "seeking", asks: ["seekToken", "startBound"] });
  });
});

describe("a connected account", () => {
  it("holds its connection and sends nothing for as long as a flood wait lasts", () => {
    accountIn("active")
      .on({ type: "flood", grant: first, waitSeconds: 259 })
      .is({ state: "cooling", asks: [{ type: "hold", params: { slot: 1, waitSeconds: 259 } }] })
      .on({ type: "cooled" })
      .is({ state: serving, asks: ["serve", "tidySlots"] });
  });

  it("holds its connection while paused, until it is resumed", () => {
    accountIn("active")
      .on({ type: "pause" })
      .is({ state: "paused", asks: [{ type: "hold", params: { slot: 1, waitSeconds: null } }] })
      .on({ type: "resume" })
      .is({ state: serving, asks: ["serve", "tidySlots"] });
  });

  it.each<Place>(["active", "cooling", "paused", "preparing"])(
    "that loses its token or its connection while %s is cut before it seeks again",
    (place) => {
      for (const type of ["token.lost", "client.lost"] as const) {
        accountIn(place)
          .on({ type, grant: first, reason: faulty })
          .is({
            state: "fenced",
            asks: [{ type: "cut", params: { reason: faulty } }],
            context: { epoch: 0, serving: false },
          })
          .on({ type: "cut.confirmed" })
          .is({ state: "seeking", asks: ["seekToken", "startBound"], context: { renewal: null } });
      }
    },
  );
});

describe("a pause", () => {
  it.each<Place>(["seeking", "connecting", "preparing", "fenced", "aborting while serving"])(
    "that is asked for in %s holds as soon as the account would serve",
    (place) => {
      accountIn(place)
        .on({ type: "pause" })
        .is({
          state: accountIn(place).snapshot.value,
          asks: [],
          context: { pauseWanted: true },
        });
    },
  );

  it("that outlived its process is kept by the next one, which serves nobody in between", () => {
    specify(lifecycleMachine, { ...user, pauseWanted: true })
      .after(granted)
      .on(ready)
      .is({ state: "paused", asks: ["hold"] })
      .on({ type: "resume" })
      .is({ state: serving, asks: ["serve", "tidySlots"], context: { pauseWanted: false } });
  });
});

describe("a logout", () => {
  it.each<Place>(["active", "cooling", "paused"])(
    "from %s drains first, and only then gives the session up",
    (place) => {
      accountIn(place)
        .on({ type: "logout" })
        .is({ state: "draining", asks: ["drain", "startBound"] })
        .on({ type: "drained" })
        .is({
          state: "leaving",
          asks: [{ type: "retireServing", params: { slot: 1 } }, startBound("leaving")],
        })
        .on({ type: "slot.retired" })
        .is({
          state: { unauthorised: "waiting" },
          asks: [{ type: "tidySlots", params: { serving: null } }],
          context: { slot: null },
        });
    },
  );

  it("ends a login that is under way, and the key that it made goes", () => {
    specify(lifecycleMachine, { ...user, slot: null })
      .after(login)
      .on({ type: "logout" })
      .is({
        state: { unauthorised: "waiting" },
        asks: [{ type: "tidySlots", params: { serving: null } }],
        context: { login: null },
      });
  });

  it("that cannot be made safe has not happened: the account is cut and seeks its token again", () => {
    accountIn("active")
      .after({ type: "logout" })
      .on({ type: "drain.failed", reason: faulty })
      .is({ state: "fenced", asks: ["cut"] })
      .on({ type: "cut.confirmed" })
      .is({ state: "seeking", asks: ["seekToken", "startBound"], context: { slot: 1 } });
  });
});

describe("a forced stop", () => {
  it.each<Place>(["active", "cooling", "paused", "preparing", "draining"])(
    "cuts at once in %s",
    (place) => {
      accountIn(place)
        .on({ type: "stop", force: true })
        .is({ state: "releasing", asks: ["release", "startBound"], context: { renewal: null } });
    },
  );
});

describe("a dead key", () => {
  it.each<Place>([
    "seeking",
    "connecting",
    "active",
    "cooling",
    "paused",
    "preparing",
    "draining",
    "aborting while serving",
  ])("is written off in %s, and the account is quarantined where no other one is left", (place) => {
    accountIn(place)
      .on(dead)
      .is({
        state: "burying",
        asks: [{ type: "bury", params: { slot: 1, reason: faulty } }, startBound("burying")],
        context: { epoch: 0, renewal: null, nextSlot: null, reason: faulty },
      })
      .on(buried)
      .is({ state: "quarantined", asks: [], context: { reason: faulty } });
  });

  it("is followed by another key of the account that is logged in already, and the reason stays", () => {
    accountIn("burying")
      .on({ type: "slot.moved", slot: 2 })
      .is({
        state: "seeking",
        asks: [{ type: "seekToken", params: { slot: 2 } }, startBound("seeking")],
        context: { slot: 2, reason: faulty },
      });
  });

  it("is written off again when that takes too long", () => {
    accountIn("burying")
      .on({ type: "bound.passed", bound: "burying" })
      .is({ state: "burying", asks: ["bury", "startBound"] });
  });

  it("of the new slot does not touch the old one: the renewal aborts", () => {
    accountIn("restarting")
      .on({ type: "key.dead", grant: second, reason: faulty })
      .is({ state: "aborting", asks: ["abortRenewal", "startBound"] });
  });

  it("that is written off lets a login wait, and begin once that is recorded", () => {
    accountIn("burying")
      .on(login)
      .is({ state: "burying", asks: [] })
      .on(buried)
      .is({
        state: { unauthorised: "authorising" },
        asks: ["authorise", "startBound"],
        context: { slot: null, reason: null },
      });
  });

  it("with a successor makes a login that waited unneeded", () => {
    accountIn("burying")
      .after(login)
      .on({ type: "slot.moved", slot: 2 })
      .is({ state: "seeking", asks: ["seekToken", "startBound"], context: { login: null } });
  });

  it("is left by nothing but a login, which authorises a new slot and forgets the dead one", () => {
    const quarantined = accountIn("quarantined");
    for (const event of [
      granted,
      ready,
      { type: "renew", id: "r", method: "auto-code" },
    ] as const) {
      expect(quarantined.snapshot.can(event)).toBe(false);
    }
    quarantined
      .on(login)
      .is({
        state: { unauthorised: "authorising" },
        asks: ["authorise", "startBound"],
        context: { slot: null },
      })
      .on({ type: "slot.authorised", slot: 2 })
      .is({
        state: "seeking",
        asks: [{ type: "seekToken", params: { slot: 2 } }, startBound("seeking")],
        context: { reason: null },
      });
  });

  it("during a login that failed leaves the account waiting, not seeking the dead slot", () => {
    accountIn("quarantined")
      .after(login)
      .on({ type: "login.failed", reason: faulty })
      .is({ state: { unauthorised: "waiting" }, asks: ["tidySlots"], context: { slot: null } });
  });
});
