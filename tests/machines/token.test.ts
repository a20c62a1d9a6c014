import { describe, expect, it } from "vitest";
import { type TokenEvent, tokenMachine } from "../../machines/token.ts";
import { tokenModel } from "../fixtures/models/events.ts";
import { edgePaths } from "../fixtures/models/paths.ts";
import { specify } from "../fixtures/models/specify.ts";

const grant: TokenEvent = { type: "grant", incarnation: "paris-1" };
const connected: TokenEvent = { type: "connected", epoch: 1 };
const drain: TokenEvent = { type: "drain", epoch: 1 };
const released: TokenEvent = { type: "released", epoch: 1 };
const superseded: TokenEvent = {
  type: "superseded",
  epoch: 1,
  incarnation: "paris-1",
  floor: 5,
};
const revoked: TokenEvent = { type: "revoked", incarnation: "paris-1" };
const silenced: TokenEvent = { type: "silenced", incarnation: "paris-1" };

const token = () => specify(tokenMachine, {});

describe("a token", () => {
  it("is free, with no holder, when its slot is new", () => {
    token().is({ state: "free", context: { epoch: 0, incarnation: null, heldAs: null } });
  });

  it("mints the next epoch for the incarnation it is granted to", () => {
    token()
      .on(grant)
      .is({ state: "granted", context: { epoch: 1, incarnation: "paris-1" } });
  });

  it("continues from the epoch it is restored with", () => {
    specify(tokenMachine, { epoch: 41 })
      .on(grant)
      .is({ state: "granted", context: { epoch: 42 } });
  });

  it("goes from granted to connected to draining to free, and keeps its epoch", () => {
    token()
      .after(grant)
      .on(connected)
      .is({ state: "connected", context: { epoch: 1 } })
      .on(drain)
      .is({ state: "draining", context: { epoch: 1 } })
      .on(released)
      .is({ state: "free", context: { epoch: 1, incarnation: null } });
  });

  it("is free again when its grant was released before anything connected", () => {
    token()
      .after(grant)
      .on(released)
      .is({ state: "free", context: { incarnation: null } });
  });

  it("goes on above the floor when its epoch was used before, once, and with the same holder", () => {
    token()
      .after(grant)
      .on(superseded)
      .is({ state: "granted", context: { epoch: 6, incarnation: "paris-1" } })
      .on(superseded)
      .is({ state: "granted", context: { epoch: 6 } });
  });

  it.each([
    { why: "the grant is another's", event: { ...superseded, incarnation: "lyon-1" } },
    { why: "the grant is an older one", event: { ...superseded, epoch: 0 } },
  ])("is not carried over a floor when $why", ({ event }) => {
    token()
      .after(grant)
      .on(event)
      .is({ state: "granted", context: { epoch: 1, incarnation: "paris-1" } });
  });

  it("is not carried over a floor below its epoch", () => {
    specify(tokenMachine, { epoch: 41 })
      .after(grant)
      .on({ ...superseded, epoch: 42, floor: 5 })
      .is({ state: "granted", context: { epoch: 42 } });
  });

  it("is not carried over a floor once it is connected", () => {
    token()
      .after(grant, connected)
      .on(superseded)
      .is({ state: "connected", context: { epoch: 1 } });
  });

  it("is not granted twice", () => {
    token()
      .after(grant)
      .on({ type: "grant", incarnation: "lyon-1" })
      .is({ state: "granted", context: { epoch: 1, incarnation: "paris-1" } });
  });

  it.each<TokenEvent>([connected, drain, superseded])(
    "$type of an epoch that was cut changes nothing, also after the next grant",
    (late) => {
      token()
        .after(grant, connected, released)
        .on(late)
        .is({ state: "free" })
        .after(grant)
        .on(late)
        .is({ state: "granted", context: { epoch: 2 } });
    },
  );

  it("released of an old epoch does not free the new one", () => {
    token()
      .after(grant, released, grant)
      .on(released)
      .is({ state: "granted", context: { epoch: 2 } });
  });

  it.each([
    { held: "granted", before: [grant] },
    { held: "connected", before: [grant, connected] },
    { held: "draining", before: [grant, connected, drain] },
  ])("that is $held remembers it when its holder is revoked", ({ held, before }) => {
    token()
      .after(...before)
      .on(revoked)
      .is({ state: "revoked", context: { heldAs: held, epoch: 1, incarnation: "paris-1" } });
  });

  it("of a holder that is revoked is free only when its holder is silenced", () => {
    token()
      .after(grant, connected, revoked)
      .on(connected)
      .is({ state: "revoked" })
      .on(released)
      .is({ state: "revoked" })
      .on(silenced)
      .is({ state: "free", context: { epoch: 1, incarnation: null, heldAs: null } });
  });

  it.each(["revoked", "silenced"] as const)(
    "ignores %s about another incarnation than its holder",
    (type) => {
      const before: Record<typeof type, readonly TokenEvent[]> = {
        revoked: [grant, connected],
        silenced: [grant, connected, revoked],
      };
      const told = token().after(...before[type]);
      const event = { type, incarnation: "lyon-1" };
      expect(told.on(event).snapshot.toJSON()).toEqual(told.snapshot.toJSON());
    },
  );
});

describe("on every path of a token, with right and wrong epochs and holders in every state", () => {
  const paths = edgePaths(tokenModel, { events: "all" });
  const steps = paths.flatMap((path) =>
    path.steps.map((step, index) => ({
      ...step,
      before: index === 0 ? path.initial : path.steps[index - 1]!.after,
    })),
  );

  it("the epoch never falls, and rises only with a grant, by one, or above the floor in its way", () => {
    const rises = steps
      .filter(({ before, after }) => after.context.epoch !== before.context.epoch)
      .map(({ before, event, after }) => {
        const to = event.type === "superseded" ? event.floor + 1 : before.context.epoch + 1;
        const isRise = after.context.epoch === to && to > before.context.epoch;
        return `${event.type} in ${before.value}: ${isRise ? "rises" : "does not"}`;
      });
    expect(new Set(rises)).toEqual(
      new Set(["grant in free: rises", "superseded in granted: rises"]),
    );
  });

  it("an epoch connects only from the grant that minted it", () => {
    const ways = steps
      .filter(({ before, after }) => after.value === "connected" && before.value !== "connected")
      .map(({ before, event }) => `${before.value} ${event.type}`);
    expect(new Set(ways)).toEqual(new Set(["granted connected"]));
  });

  it("an epoch that was free once is never held again", () => {
    for (const path of paths) {
      const held = path.steps.map(({ after }) =>
        after.value === "free" ? null : after.context.epoch,
      );
      const stays = held.filter((epoch, index) => epoch !== null && epoch !== held[index - 1]);
      expect(stays).toEqual([...new Set(stays)]);
    }
  });

  it("an event of another epoch or another incarnation changes nothing", () => {
    const mistaken = steps.filter(({ before, event }) => {
      const stale = "epoch" in event && event.epoch !== before.context.epoch;
      const foreign =
        event.type !== "grant" &&
        "incarnation" in event &&
        event.incarnation !== before.context.incarnation;
      return stale || foreign;
    });
    expect(mistaken.length).toBeGreaterThan(0);
    for (const { before, after } of mistaken) expect(after.toJSON()).toEqual(before.toJSON());
  });

  it("has a holder exactly when it is not free, and remembers a state exactly when it is revoked", () => {
    for (const { after } of steps) {
      const { value, context } = after;
      expect(context.incarnation === null).toBe(value === "free");
      expect(context.heldAs !== null).toBe(value === "revoked");
    }
  });
});
