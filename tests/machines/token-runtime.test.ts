import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createKeyRing } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { createTokenStore } from "../../src/adapters/postgres/token-store.ts";
import type { AccountStore } from "../../src/ports/account-store.ts";
import type { SlotRef, TokenStore } from "../../src/ports/token-store.ts";
import { coverageOf } from "../models/coverage.ts";
import { tokenModel } from "../models/events.ts";
import { edgePaths, type Path, replay } from "../models/paths.ts";
import { runTokenPath } from "../models/token-runner.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

const paths = edgePaths(tokenModel, { events: "all" });
const account = "token-paths";

let testDatabase: TestDatabase;
let database: Database;
let accounts: AccountStore;
let tokens: TokenStore;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url, { poolMax: 2 });
  accounts = createAccountStore(database, createSealer(createKeyRing([randomBytes(32)])));
  tokens = createTokenStore(database);
  await accounts.add({
    name: account,
    kind: "bot",
    credentials: { kind: "bot", token: "1:not-used" },
  });
  for (const id of ["incarnation-1", "stranger"]) {
    await tokens.registerIncarnation({ id, host: id, proof: {} });
  }
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

describe("the token store over PostgreSQL", () => {
  test("does on every path what the machine says, with right and wrong epochs and holders", async () => {
    expect(coverageOf(tokenModel, paths).neverTaken).toEqual([]);
    for (const path of paths) await runTokenPath(tokens, await slotFor(path), path);
  });

  test.each([
    { held: "granted", connect: [] },
    { held: "connected", connect: ["connected"] },
    { held: "draining", connect: ["connected", "drain"] },
  ] as const)(
    "revokes a whole incarnation as suspicion and revocation would, from $held",
    async (told) => {
      const incarnation = `revoked-while-${told.held}`;
      await tokens.registerIncarnation({ id: incarnation, host: incarnation, proof: {} });
      const before = [
        { type: "grant", incarnation } as const,
        ...told.connect.map((type) => ({ type, epoch: 1 })),
      ];
      const ended = replay(tokenModel, "a new slot", [
        ...before,
        { type: "suspected", incarnation },
        { type: "revoked", incarnation },
        { type: "silenced", incarnation },
      ]).steps.slice(-2);
      const ref = await accounts.addSlot(account);
      for (const event of before) await tokens.apply(ref, event);
      await tokens.revokeIncarnation(incarnation);
      expect(await tokens.read(ref)).toMatchObject({
        state: ended[0]!.after.value,
        ...ended[0]!.after.context,
      });
      await tokens.silenceIncarnation(incarnation);
      expect(await tokens.read(ref)).toMatchObject({
        state: ended[1]!.after.value,
        ...ended[1]!.after.context,
      });
    },
  );
});

async function takeAll(store: TokenStore): Promise<void> {
  for (const path of paths) await runTokenPath(store, await slotFor(path), path);
}

describe("the paths notice a token store", () => {
  test("that answers a grant without recording it", async () => {
    const forgetful: TokenStore = {
      ...tokens,
      async apply(ref, event) {
        if (event.type !== "grant") return tokens.apply(ref, event);
        const token = (await tokens.read(ref))!;
        const { incarnation } = event;
        return {
          applied: true,
          token: { ...token, state: "granted", epoch: token.epoch + 1, incarnation },
        };
      },
    };
    await expect(takeAll(forgetful)).rejects.toThrow("read back");
  });

  test("that frees a token for a release of an old epoch", async () => {
    const careless: TokenStore = {
      ...tokens,
      async apply(ref, event) {
        if (event.type !== "released") return tokens.apply(ref, event);
        const token = await tokens.read(ref);
        return tokens.apply(ref, { type: "released", epoch: token?.epoch ?? 0 });
      },
    };
    await expect(takeAll(careless)).rejects.toThrow(/"released"/);
  });

  test("that lets a stranger recover the token of a suspect", async () => {
    const gullible: TokenStore = {
      ...tokens,
      apply: (ref, event) =>
        tokens.apply(
          ref,
          event.type === "recovered" ? { ...event, incarnation: "incarnation-1" } : event,
        ),
    };
    await expect(takeAll(gullible)).rejects.toThrow(/"recovered"/);
  });
});
