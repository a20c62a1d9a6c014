import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestModel } from "xstate/graph";
import { tokenMachine, tokenRules } from "../../machines/token.ts";
import { createKeyRing } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { createIncarnationStore } from "../../src/adapters/postgres/incarnation-store.ts";
import { createTokenStore } from "../../src/adapters/postgres/token-store.ts";
import type { AccountStores } from "../../src/ports/accounts/account-store.ts";
import type { SlotRef } from "../../src/ports/custody/token-store.ts";
import { coverageOf } from "../fixtures/models/coverage.ts";
import { tokenModel } from "../fixtures/models/events.ts";
import { edgePaths, eventsIn, type Path, replay } from "../fixtures/models/paths.ts";
import { runTokenPath, sendTokenEvent, type TokenScene } from "../fixtures/models/token-runner.ts";
import { createTestDatabase, type TestDatabase } from "../fixtures/database.ts";

const paths = edgePaths(tokenModel, { events: "all" });
const account = "token-paths";

let testDatabase: TestDatabase;
let database: Database;
let accounts: AccountStores;
let scene: TokenScene;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url, { poolMax: 2 });
  accounts = createAccountStore(database, createSealer(createKeyRing([randomBytes(32)])));
  const rules = tokenRules(tokenMachine);
  let incarnations = 0;
  scene = {
    tokens: createTokenStore(database, rules),
    incarnations: createIncarnationStore(database, rules),
    newIncarnation: () => `incarnation ${(incarnations += 1)} of the paths`,
  };
  await accounts.add({
    name: account,
    kind: "bot",
    credentials: { kind: "bot", token: "1:not-used" },
  });
});

afterAll(async () => {
  await database?.close();
  await testDatabase?.drop();
});

/** A slot whose token is as the path begins. */
async function slotFor({ initial }: Path<typeof tokenModel.machine>): Promise<SlotRef> {
  const ref = await accounts.addSlot(account);
  await database.query("update tokens set epoch = $3 where account = $1 and slot = $2", [
    ref.account,
    ref.slot,
    initial.context.epoch,
  ]);
  return ref;
}

async function takeAll(change: (scene: TokenScene) => Partial<TokenScene>): Promise<void> {
  for (const path of paths) {
    await runTokenPath({ ...scene, ...change(scene) }, await slotFor(path), path);
  }
}

describe("the stores of custody over PostgreSQL", () => {
  it("do on every path what the machine says, with right and wrong epochs and holders", async () => {
    expect(coverageOf(tokenModel, paths).neverTaken).toEqual([]);
    await takeAll(() => ({}));
  });
});

describe("XState's own test model of a token", () => {
  const model = createTestModel(tokenMachine);
  const shortest = model.getShortestPaths({
    input: {},
    events: (now) => [...eventsIn(tokenModel, now, { events: "handled" })],
    // Nothing is dropped: its paths show the snapshot that last had a key. The first grants are enough.
    serializeState: ({ value, context }) => JSON.stringify([value, context]),
    stopWhen: ({ context }) => context.epoch > 1,
  });

  it("comes to every state of the machine, and in each the store says the same", async () => {
    const seen = new Set<string>();
    for (const path of shortest) {
      const ref = await accounts.addSlot(account);
      const incarnation = scene.newIncarnation();
      await scene.incarnations.register({ id: incarnation, host: incarnation, proof: {} });
      const asStored = async ({ value, context }: (typeof path)["state"]) => {
        seen.add(value);
        const holder = context.incarnation === null ? null : incarnation;
        const wanted = { state: value, ...context, incarnation: holder };
        expect(await scene.tokens.read(ref)).toMatchObject(wanted);
      };
      const events = Object.keys(tokenModel.cases).map((type) => [
        type,
        ({ event }: (typeof path)["steps"][number]) =>
          sendTokenEvent(scene, ref, event, () => incarnation),
      ]);
      await path.test({ states: { "*": asStored }, events: Object.fromEntries(events) });
    }
    expect([...seen].toSorted()).toEqual(Object.keys(tokenMachine.states).toSorted());
  });

  it("takes fewer transitions than the edge walk, which is why both are there", () => {
    const replayed = shortest.map(({ steps }) =>
      replay(
        tokenModel,
        "a new slot",
        steps.slice(1).map(({ event }) => event),
      ),
    );
    expect(coverageOf(tokenModel, paths).neverTaken).toEqual([]);
    expect(coverageOf(tokenModel, replayed).neverTaken).not.toEqual([]);
  });
});

describe("the paths notice stores", () => {
  it("that answer a grant without recording it", async () => {
    const forgetful = ({ tokens }: TokenScene): Partial<TokenScene> => ({
      tokens: {
        ...tokens,
        async grant(ref, incarnation) {
          const token = (await tokens.read(ref))!;
          const { epoch } = token;
          return {
            applied: true,
            token: { ...token, state: "granted", epoch: epoch + 1, incarnation },
          };
        },
      },
    });
    await expect(takeAll(forgetful)).rejects.toThrow("read back");
  });

  it("that free a token for a release of an old epoch", async () => {
    const careless = ({ tokens }: TokenScene): Partial<TokenScene> => ({
      tokens: {
        ...tokens,
        released: async (grant) =>
          tokens.released({ ...grant, epoch: (await tokens.read(grant))?.epoch ?? 0 }),
      },
    });
    await expect(takeAll(careless)).rejects.toThrow(/"released"/);
  });

  it("that free the tokens of an incarnation that was not revoked", async () => {
    const hasty = ({ incarnations }: TokenScene): Partial<TokenScene> => ({
      incarnations: {
        ...incarnations,
        async silence(incarnation) {
          await incarnations.revoke(incarnation);
          return incarnations.silence(incarnation);
        },
      },
    });
    await expect(takeAll(hasty)).rejects.toThrow(/"silenced"/);
  });

  it("that carry a grant of another incarnation over a floor", async () => {
    const gullible = ({ tokens }: TokenScene): Partial<TokenScene> => ({
      tokens: {
        ...tokens,
        async supersede(grant, incarnation, floor) {
          const holder = (await tokens.read(grant))?.incarnation;
          return tokens.supersede(grant, holder ?? incarnation, floor);
        },
      },
    });
    await expect(takeAll(gullible)).rejects.toThrow(/"superseded"/);
  });
});
