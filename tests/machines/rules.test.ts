import { createMachine, setup } from "xstate";
import { describe, expect, it } from "vitest";
import { statesOf, statesTagged, tableOf } from "../../machines/rules.ts";
import { changedToken } from "../fixtures/models/changed-token.ts";
import { type TokenState, tokenMachine, tokenRules } from "../../machines/token.ts";

const nested = setup({ guards: { isLate: () => true }, actions: { ring: () => {} } }).createMachine(
  {
    id: "door",
    initial: "shut",
    on: { burn: ".gone" },
    states: {
      shut: { on: { open: { target: "open", guard: "isLate", actions: "ring" } } },
      open: {
        tags: "letsIn",
        initial: "wide",
        on: { shut: "shut" },
        states: { wide: { on: { ajar: "ajar" } }, ajar: { on: { push: {} } } },
      },
      gone: {},
    },
  },
);

describe("the table of a machine", () => {
  it("has a row for each transition of each state, with its guard and its actions", () => {
    expect(tableOf(nested)).toContainEqual({
      from: "shut",
      event: "open",
      to: "open.wide",
      guarded: true,
      guard: "isLate",
      actions: ["ring"],
    });
  });

  it("gives a state what the states around it take, after its own", () => {
    const ofAjar = tableOf(nested).filter(({ from }) => from === "open.ajar");
    expect(ofAjar.map(({ event, to }) => `${event} to ${to}`)).toEqual([
      "push to open.ajar",
      "shut to shut",
      "burn to gone",
    ]);
  });

  it("names the states in the order of the file, and those with a tag", () => {
    expect(statesOf(nested)).toEqual(["shut", "open.wide", "open.ajar", "gone"]);
    expect(statesTagged(nested, "letsIn")).toEqual(["open.wide", "open.ajar"]);
  });

  it("is refused for parallel states, which no single name tells", () => {
    const machine = createMachine({ id: "twofold", type: "parallel", states: { a: {}, b: {} } });
    expect(() => tableOf(machine)).toThrow("twofold has parallel states");
  });
});

describe("the rules of a token", () => {
  const rules = tokenRules(tokenMachine);

  it("say what its machine says, in every state and for every event", () => {
    for (const state of rules.states) {
      const taken = rules.rows.filter(({ from }) => from === state).map(({ event }) => event);
      expect(taken).toEqual(tokenMachine.states[state]?.ownEvents);
    }
  });

  it("are others for a machine with another transition", () => {
    const changed = tokenRules(
      changedToken({ draining: { on: { connected: { target: "connected" } } } }),
    );
    const states: readonly TokenState[] = ["granted", "draining"];
    expect(rules.leaves("connected")).toEqual(["granted"]);
    expect(changed.leaves("connected")).toEqual(states);
    expect(changed.enters("connected", "draining")).toBe("connected");
  });
});
