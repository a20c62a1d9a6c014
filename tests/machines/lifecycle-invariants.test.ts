import { type SnapshotFrom, transition } from "xstate";
import { describe, expect, it } from "vitest";
import {
  type LifecycleEvent,
  lifecycleMachine,
  lifecycleStateName,
} from "../../machines/lifecycle.ts";
import { judgeCustody } from "../fixtures/models/custody-judge.ts";
import { eventsIn, edgePaths } from "../fixtures/models/paths.ts";
import { lifecycleModel } from "../fixtures/models/events.ts";
import { asksIn } from "../fixtures/models/model.ts";

type Snapshot = SnapshotFrom<typeof lifecycleMachine>;

const paths = edgePaths(lifecycleModel);
const steps = paths.flatMap((path) =>
  path.steps.map((step, index) => ({
    ...step,
    before: index === 0 ? path.initial : path.steps[index - 1]!.after,
  })),
);
const snapshots = [
  ...new Map(
    paths
      .flatMap(({ initial, steps: taken }) => [initial, ...taken.map(({ after }) => after)])
      .map((snapshot) => [lifecycleModel.stateKey(snapshot), snapshot]),
  ).values(),
];
const keyOf = (snapshot: Snapshot) => lifecycleModel.stateKey(snapshot);
const nameOf = ({ value }: Snapshot) => lifecycleStateName(value);

const stepsInto = (...states: readonly string[]) =>
  steps.filter(({ after }) => states.includes(nameOf(after)));

const connectedStates = ["connecting", "active", "active.preparing", "cooling", "paused"];

describe("on every path of the lifecycle", () => {
  it("[I1] [I2] nothing connects, serves, switches or is logged out that the events do not allow", () => {
    for (const path of paths) judgeCustody(path);
  });

  it("a slot and an epoch are known in every state that is connected or about to be", () => {
    for (const { after } of stepsInto(...connectedStates, "restarting")) {
      expect(after.context.slot).not.toBeNull();
      expect(after.context.epoch).toBeGreaterThan(0);
    }
  });

  it("no epoch is remembered where nothing may be connected", () => {
    const idle = [
      "verified-idle",
      "renewing",
      "fenced",
      "burying",
      "quarantined",
      "seeking",
      "stopped",
    ];
    for (const { after } of stepsInto(...idle)) expect(after.context.epoch).toBe(0);
  });

  it("a renewal is remembered exactly from its beginning to its end", () => {
    const renewing = ["active.preparing", "verified-idle", "renewing", "restarting", "aborting"];
    const never = ["seeking", "connecting", "active", "cooling", "paused", "quarantined"];
    for (const { after } of stepsInto(...renewing)) expect(after.context.renewal).not.toBeNull();
    for (const { after } of stepsInto(...never, "releasing", "stopped")) {
      expect(after.context).toMatchObject({ renewal: null, nextSlot: null });
    }
  });

  it("every state in which an account does not serve for a fault has a reason", () => {
    for (const { after } of stepsInto("fenced", "burying", "quarantined", "aborting")) {
      expect(after.context.reason).not.toBeNull();
    }
  });

  it("quarantine is left by a login, a logout or a stop and by nothing else", () => {
    const leaving = steps.filter(
      ({ before, after }) => nameOf(before) === "quarantined" && nameOf(after) !== "quarantined",
    );
    expect(new Set(leaving.map(({ event }) => event.type))).toEqual(
      new Set(["login", "logout", "stop"]),
    );
  });

  it("quarantine is entered from a burial and from nowhere else", () => {
    const before = stepsInto("quarantined").map(({ before: from }) => nameOf(from));
    expect(new Set(before)).toEqual(new Set(["burying", "quarantined"]));
  });

  it("an account stops only from releasing, or where nothing was ever begun", () => {
    expect(new Set(stepsInto("stopped").map(({ before }) => nameOf(before)))).toEqual(
      new Set(["releasing", "unauthorised.waiting"]),
    );
  });

  it("each wait that Telegram, Postgres or the gate could leave unanswered is bounded", () => {
    for (const { after, asks } of steps) {
      const events = eventsIn(lifecycleModel, after, { events: "handled" });
      for (const { params } of asks.filter(({ type }) => type === "startBound")) {
        expect(events).toContainEqual({ ...Object(params), type: "bound.passed" });
      }
    }
  });
});

describe("from every state of the lifecycle", () => {
  /** Both slots of a renewal, and one that the account never had. */
  const deaths = snapshots
    .filter(({ status }) => status === "active")
    .flatMap((before) => {
      const { slot, nextSlot, epoch } = before.context;
      return [slot, nextSlot, 99]
        .filter((dead) => dead !== null)
        .map((dead) => {
          const reason = { code: "AUTH_KEY_DUPLICATED", message: "told by the test" };
          const event = { type: "key.dead", grant: { slot: dead, epoch }, reason } as const;
          const [after, actions] = transition(lifecycleMachine, before, event);
          return { before, dead, after, asks: asksIn(actions) };
        });
    });

  it("a dead key buries its own slot and no other, whichever slot it is of", () => {
    for (const { dead, asks } of deaths) {
      for (const { params } of asks.filter(({ type }) => type === "bury")) {
        expect(params).toMatchObject({ slot: dead });
      }
    }
  });

  it("a dead key of a slot that does not serve changes nothing", () => {
    for (const { before, dead, after, asks } of deaths) {
      if (dead === before.context.slot) continue;
      expect([nameOf(after), after.context, asks]).toEqual([nameOf(before), before.context, []]);
    }
  });

  it("a dead key of the serving slot is written off wherever a connection may tell of it", () => {
    const told = ["seeking", ...connectedStates, "draining", "aborting"];
    const ends = deaths
      .filter(({ before, dead }) => dead === before.context.slot && told.includes(nameOf(before)))
      .map(({ after }) => nameOf(after));
    expect(new Set(ends)).toEqual(new Set(["burying"]));
  });

  /** Ten bounds in a row are more than any way to the end has. */
  const boundsMax = 10;

  function stopAnswering(snapshot: Snapshot): string {
    let now = snapshot;
    const take = (event: LifecycleEvent) => {
      [now] = transition(lifecycleMachine, now, event);
    };
    take({ type: "stop" });
    for (let passed = 0; passed < boundsMax && now.status === "active"; passed += 1) {
      for (const event of lifecycleModel.cases["bound.passed"](now)) take(event);
    }
    return nameOf(now);
  }

  it("a stop ends in stopped, even when nothing answers any more and only bounds pass", () => {
    const stuck = snapshots
      .filter(({ status }) => status === "active")
      .flatMap((snapshot) => {
        const end = stopAnswering(snapshot);
        return end === "stopped" ? [] : [`${nameOf(snapshot)} ends in ${end}`];
      });
    expect(stuck).toEqual([]);
  });

  it("an account that nobody stops can serve again", () => {
    const canServe = new Set(snapshots.filter((now) => nameOf(now) === "active").map(keyOf));
    const edges = steps.map(({ before, after }) => [before, after].map(keyOf));
    for (let known = -1; known < canServe.size; ) {
      known = canServe.size;
      for (const [from, to] of edges) if (canServe.has(to!)) canServe.add(from!);
    }
    const stuck = snapshots.filter(
      (now) => now.status === "active" && !now.context.stopWanted && !canServe.has(keyOf(now)),
    );
    expect(stuck.map(nameOf)).toEqual([]);
  });

  it("the same snapshot and event ask for the same work: nothing outside the machine decides", () => {
    for (const { before, event, asks } of steps) {
      const [, actions] = transition(lifecycleMachine, before, event);
      expect(asksIn(actions)).toEqual(asks);
    }
  });
});
