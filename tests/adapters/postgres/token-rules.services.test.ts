import { afterAll, describe, expect, it } from "vitest";
import { tokenMachine, tokenRules } from "../../../machines/token.ts";
import { createCursorStore } from "../../../src/adapters/postgres/cursor-store.ts";
import { createKernel } from "../../../src/proof/simulation/kernel.ts";
import { createLink } from "../../../src/proof/simulation/link.ts";
import { createRandom } from "../../../src/proof/simulation/random.ts";
import { createSimStore } from "../../../src/proof/simulation/sim-store.ts";
import { changedToken } from "../../fixtures/models/changed-token.ts";
import { tokenModel } from "../../fixtures/models/events.ts";
import { edgePaths } from "../../fixtures/models/paths.ts";
import { runTokenPath, type TokenScene } from "../../fixtures/models/token-runner.ts";
import { openCustodyStores } from "../../fixtures/custody-stores.ts";

const closings: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closings) await close();
});

interface Place {
  readonly scene: TokenScene;
  /** A slot whose token is free, under its first epoch. */
  newSlot(): Promise<{ readonly account: string; readonly slot: number }>;
}

const names = () => {
  let last = 0;
  return () => `incarnation ${(last += 1)}`;
};

/** Stores over Postgres that are made for this machine. */
async function inPostgres(machine: typeof tokenMachine): Promise<Place> {
  const stores = await openCustodyStores(tokenRules(machine));
  closings.push(stores.close);
  let slots = 1;
  return {
    scene: { ...stores, newIncarnation: names() },
    async newSlot() {
      const ref = { account: "one", slot: (slots += 1) };
      await stores.database.query(
        `with u as (insert into authorisations (account, slot, state) values ($1, $2, 'PENDING'))
         insert into tokens (account, slot) values ($1, $2)`,
        [ref.account, ref.slot],
      );
      return ref;
    },
  };
}

/** The simulation's, for this machine; its time goes on by itself. */
async function inSimulation(machine: typeof tokenMachine): Promise<Place> {
  const kernel = createKernel(createRandom(1));
  const store = createSimStore(kernel, 1000, tokenRules(machine), () => {});
  const view = store.view({ from: kernel.spawn("node", 1), link: createLink() });
  let open = true;
  const running = (async () => {
    while (open) {
      await kernel.run(kernel.nowMs + 1);
      await new Promise(setImmediate);
    }
  })();
  closings.push(async () => {
    open = false;
    await running;
  });
  let slots = 0;
  return {
    scene: { tokens: view, incarnations: view, newIncarnation: names() },
    async newSlot() {
      const ref = { account: "one", slot: (slots += 1) };
      store.addToken(ref);
      return ref;
    },
  };
}

const changes = [
  {
    change: "lets a granted token drain",
    machine: changedToken({
      granted: { on: { drain: { guard: "ofThisEpoch", target: "draining" } } },
    }),
  },
  {
    change: "connects a draining token again",
    machine: changedToken({
      draining: { on: { connected: { guard: "ofThisEpoch", target: "connected" } } },
    }),
  },
  {
    change: "releases no token that drains",
    machine: changedToken({ draining: { on: { released: null } } }),
  },
  {
    change: "revokes no token that drains",
    machine: changedToken({ draining: { on: { revoked: null } } }),
  },
  {
    change: "takes a drain of a granted token for its connection",
    machine: changedToken({
      granted: { on: { drain: { guard: "ofThisEpoch", target: "connected" } } },
    }),
  },
  {
    change: "connects what is carried over a floor",
    machine: changedToken({
      granted: {
        on: {
          superseded: {
            guard: "ofThisGrantUpToItsFloor",
            target: "connected",
            actions: "mintAboveFloor",
          },
        },
      },
    }),
  },
  { change: "grants nothing", machine: changedToken({ free: { on: { grant: null } } }) },
];

/** Every path of one machine through stores that are made for another. */
async function take(walked: typeof tokenMachine, { scene, newSlot }: Place): Promise<void> {
  const { "a new slot": start } = tokenModel.starts;
  const model = { ...tokenModel, machine: walked, starts: { "a new slot": start! } };
  for (const path of edgePaths(model, { events: "all" })) {
    await runTokenPath(scene, await newSlot(), path);
  }
}

describe.each([
  { where: "Postgres", open: inPostgres },
  { where: "the simulation", open: inSimulation },
])("what a token does next in $where", ({ open }) => {
  it("is what the machine says", async () => {
    await expect(take(tokenMachine, await open(tokenMachine))).resolves.toBeUndefined();
  });

  it.each(changes)("is otherwise once the machine $change", async ({ machine }) => {
    await expect(take(machine, await open(machine))).resolves.toBeUndefined();
    await expect(take(machine, await open(tokenMachine))).rejects.toThrow(/step/);
  });
});

describe("an update cursor under a token that drains", () => {
  it.each([
    { may: "goes on", machine: tokenMachine, goesOn: true },
    {
      may: "stands still once the machine lets no draining holder write",
      machine: changedToken({ draining: { tags: [] } }),
      goesOn: false,
    },
  ])("$may", async ({ machine, goesOn }) => {
    const rules = tokenRules(machine);
    const { database, tokens, incarnations, close } = await openCustodyStores(rules);
    closings.push(close);
    const grant = { account: "one", slot: 1, epoch: 1 };
    await incarnations.register({ id: "i1", host: "h1", proof: {} });
    await tokens.grant(grant, "i1");
    await tokens.connected(grant);
    await tokens.drain(grant);
    const at = { pts: 1, qts: 0, date: 100, seq: 1 };
    expect(
      await createCursorStore(database, rules).advance(grant, null, at, {
        positions: [],
        losses: 0,
      }),
    ).toBe(goesOn);
  });
});
