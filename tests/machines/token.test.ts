import { describe, expect, test } from "vitest";
import { type TokenEvent, tokenMachine } from "../../machines/token.ts";
import { tokenModel } from "../models/events.ts";
import { edgePaths } from "../models/paths.ts";
import { specify } from "../models/specify.ts";

const grant: TokenEvent = { type: "grant", incarnation: "paris-1" };
const connected: TokenEvent = { type: "connected", epoch: 1 };
const drain: TokenEvent = { type: "drain", epoch: 1 };
const released: TokenEvent = { type: "released", epoch: 1 };
const suspected: TokenEvent = { type: "suspected", incarnation: "paris-1" };
const recovered: TokenEvent = { type: "recovered", incarnation: "paris-1" };
const revoked: TokenEvent = { type: "revoked", incarnation: "paris-1" };
const silenced: TokenEvent = { type: "silenced", incarnation: "paris-1" };

const token = () => specify(tokenMachine, {});

describe("a token", () => {
  test("is free, with no holder, when its slot is new", () => {
    token().is({ state: "free", context: { epoch: 0, incarnation: null, heldAs: null } });
  });

  test("mints the next epoch for the incarnation it is granted to", () => {
    token()
      .on(grant)
      .is({ state: "granted", context: { epoch: 1, incarnation: "paris-1" } });
  });

  test("continues from the epoch it is restored with", () => {
    specify(tokenMachine, { epoch: 41 })
      .on(grant)
      .is({ state: "granted", context: { epoch: 42 } });
  });

  test("goes from granted to connected to draining to free, and keeps its epoch", () => {
    token()
      .after(grant)
      .on(connected)
      .is({ state: "connected", context: { epoch: 1 } })
      .on(drain)
      .is({ state: "draining", context: { epoch: 1 } })
      .on(released)
      .is({ state: "free", context: { epoch: 1, incarnation: null } });
  });

  test("returns when it was granted and nobody connected", () => {
    token()
      .after(grant)
      .on({ type: "connect.expired", epoch: 1 })
      .is({ state: "free", context: { incarnation: null } });
  });

  test("is not granted twice", () => {
    token()
      .after(grant)
      .on({ type: "grant", incarnation: "lyon-1" })
      .is({ state: "granted", context: { epoch: 1, incarnation: "paris-1" } });
  });

  test.each<TokenEvent>([connected, drain, { type: "connect.expired", epoch: 1 }])(
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

  test("released of an old epoch does not free the new one", () => {
    token()
      .after(grant, released, grant)
      .on(released)
      .is({ state: "granted", context: { epoch: 2 } });
  });

  test.each([
    { held: "granted", before: [grant] },
    { held: "connected", before: [grant, connected] },
    { held: "draining", before: [grant, connected, drain] },
  ])("that is $held and suspected is $held again when its holder recovers", ({ held, before }) => {
    token()
      .after(...before)
      .on(suspected)
      .is({ state: "suspect", context: { heldAs: held, epoch: 1 } })
      .on(recovered)
      .is({ state: held, context: { heldAs: null, epoch: 1 } });
  });

  test("of a suspect that is revoked is free only when its holder is silenced", () => {
    token()
      .after(grant, connected, suspected)
      .on(revoked)
      .is({ state: "revoked", context: { incarnation: "paris-1" } })
      .on(recovered)
      .is({ state: "revoked" })
      .on(released)
      .is({ state: "revoked" })
      .on(silenced)
      .is({ state: "free", context: { epoch: 1, incarnation: null, heldAs: null } });
  });

  test.each(["suspected", "recovered", "revoked", "silenced"] as const)(
    "ignores %s about another incarnation than its holder",
    (type) => {
      const before: Record<string, readonly TokenEvent[]> = {
        suspected: [grant, connected],
        recovered: [grant, connected, suspected],
        revoked: [grant, connected, suspected],
        silenced: [grant, connected, suspected, revoked],
      };
      const told = token().after(...(before[type] ?? []));
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

  test("the epoch never falls, and rises by one with each grant and with nothing else", () => {
    for (const { before, event, after } of steps) {
      const granted = event.type === "grant" && before.value === "free";
      expect(after.context.epoch - before.context.epoch).toBe(granted ? 1 : 0);
    }
  });

  test("an epoch connects only from the grant that minted it, or back from a suspicion", () => {
    const ways = steps
      .filter(({ before, after }) => after.value === "connected" && before.value !== "connected")
      .map(({ before, event }) => [before.value, before.context.heldAs, event.type].join(" "));
    expect(new Set(ways)).toEqual(new Set(["granted  connected", "suspect connected recovered"]));
  });

  test("an epoch that was free once is never held again", () => {
    for (const path of paths) {
      const held = path.steps.map(({ after }) =>
        after.value === "free" ? null : after.context.epoch,
      );
      const stays = held.filter((epoch, index) => epoch !== null && epoch !== held[index - 1]);
      expect(stays).toEqual([...new Set(stays)]);
    }
  });

  test("an event of another epoch or another incarnation changes nothing", () => {
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

  test("it has a holder exactly when it is not free, and remembers a state exactly when in doubt", () => {
    for (const { after } of steps) {
      const { value, context } = after;
      expect(context.incarnation === null).toBe(value === "free");
      expect(context.heldAs !== null).toBe(value === "suspect" || value === "revoked");
    }
  });
});
