import { createMachine, setup } from "xstate";
import { describe, expect, it } from "vitest";
import { coverageOf } from "../fixtures/models/coverage.ts";
import { models, tokenModel } from "../fixtures/models/events.ts";
import { loadMachines } from "../../tools/load-machines.ts";
import type { MachineModel } from "../fixtures/models/model.ts";

const machines = await loadMachines();

const nothingLeft = {
  neverTaken: [],
  neverRefused: [],
  statesNeverEntered: [],
  eventsWithoutCases: [],
};

it("the folder of machines holds at least the four that the product is made of", () => {
  expect(machines.map(({ machine }) => machine.id)).toEqual(
    expect.arrayContaining(["token", "lifecycle", "conversation", "site-manager"]),
  );
});

it("no two machines share an id, which would share their paths", () => {
  const ids = machines.map(({ machine }) => machine.id);
  expect(ids).toEqual([...new Set(ids)]);
});

describe.each(machines)("$machine.id, exported by $file", ({ file, machine }) => {
  it("is walked in full: each transition taken, each guard both ways, each state entered", () => {
    const model = models.get(machine.id);
    if (model === undefined) {
      throw new Error(`${file} needs its event cases in tests/fixtures/models/events.ts`);
    }
    expect(model.machine).toBe(machine);
    expect(coverageOf(model)).toMatchObject(nothingLeft);
  });
});

const modelOf = (machine: MachineModel["machine"], types: readonly string[]): MachineModel => ({
  machine,
  starts: { "the beginning": undefined },
  cases: Object.fromEntries(types.map((type) => [type, () => [{ type }]])),
  stateKey: ({ value }) => JSON.stringify(value),
});

describe("the walk notices", () => {
  it("a state that nothing leads to", () => {
    const machine = createMachine({
      id: "island",
      initial: "shore",
      states: { shore: {}, island: { on: { swim: "shore" } } },
    });
    expect(coverageOf(modelOf(machine, ["swim"]))).toMatchObject({
      neverTaken: ["island.island · swim [0] → island.shore"],
      statesNeverEntered: ["island.island"],
    });
  });

  it("an eventless transition that is never taken", () => {
    const machine = setup({ guards: { never: () => false } }).createMachine({
      id: "stuck",
      initial: "here",
      states: { here: { always: { guard: "never", target: "there" } }, there: {} },
    });
    expect(coverageOf(modelOf(machine, [])).neverTaken).toEqual([
      "stuck.here · always [0] → stuck.there",
    ]);
  });

  it("a guard that always agrees, and the transition behind it that is dead", () => {
    const machine = setup({ guards: { sure: () => true } }).createMachine({
      id: "yes",
      initial: "asked",
      states: { asked: { on: { go: [{ guard: "sure", target: "gone" }, "asked"] } }, gone: {} },
    });
    expect(coverageOf(modelOf(machine, ["go"]))).toMatchObject({
      neverTaken: ["yes.asked · go [1] → yes.asked"],
      neverRefused: ["yes.asked · go [0] → yes.gone"],
    });
  });

  it("a transition of the root", () => {
    const machine = createMachine({
      id: "root",
      on: { reset: {} },
      initial: "a",
      states: { a: {} },
    });
    expect(coverageOf(modelOf(machine, [])).neverTaken).toEqual(["root · reset [0] → stays"]);
  });

  it("an event for which the model has no payload", () => {
    const report = coverageOf({
      ...modelOf(tokenModel.machine, []),
      starts: { "a new slot": {} },
      cases: Object.fromEntries(
        Object.entries(tokenModel.cases).filter(([type]) => type !== "silenced"),
      ),
      stateKey: (snapshot) => tokenModel.stateKey(snapshot),
    });
    expect(report.eventsWithoutCases).toEqual(["silenced"]);
    expect(report.neverTaken).toEqual(["token.revoked · silenced [0] → token.free"]);
  });

  it("a state key that drops what decides a transition", () => {
    const machine = createMachine({
      id: "forgetful",
      initial: "a",
      states: { a: { on: { go: "b" } }, b: { on: { go: "c" } }, c: { on: { go: "a" } } },
    });
    const model: MachineModel = {
      ...modelOf(machine, ["go"]),
      stateKey: ({ value }) => (value === "c" ? "a" : String(value)),
    };
    expect(coverageOf(model).neverTaken).toEqual(["forgetful.c · go [0] → forgetful.a"]);
  });
});
