import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenMachine, tokenRules } from "../../machines/token.ts";
import { createKeyRing } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { createIncarnationStore } from "../../src/adapters/postgres/incarnation-store.ts";
import { createTokenStore } from "../../src/adapters/postgres/token-store.ts";
import type { AccountStores } from "../../src/ports/account-store.ts";
import type { SlotRef } from "../../src/ports/token-store.ts";
import { coverageOf } from "../models/coverage.ts";
import { tokenModel } from "../models/events.ts";
import { edgePaths, type Path } from "../models/paths.ts";
import { runTokenPath, type TokenScene } from "../models/token-runner.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

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
  test("do on every path what the machine says, with right and wrong epochs and holders", async () => {
    expect(coverageOf(tokenModel, paths).neverTaken).toEqual([]);
    await takeAll(() => ({}));
  });
});

describe("the paths notice stores", () => {
  test("that answer a grant without recording it", async () => {
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

  test("that free a token for a release of an old epoch", async () => {
    const careless = ({ tokens }: TokenScene): Partial<TokenScene> => ({
      tokens: {
        ...tokens,
        released: async (grant) =>
          tokens.released({ ...grant, epoch: (await tokens.read(grant))?.epoch ?? 0 }),
      },
    });
    await expect(takeAll(careless)).rejects.toThrow(/"released"/);
  });

  test("that free the tokens of an incarnation that was not revoked", async () => {
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

  test("that carry a grant of another incarnation over a floor", async () => {
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
