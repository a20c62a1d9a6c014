import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createKeyRing, fingerprintOf } from "../../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createResealing } from "../../../src/adapters/postgres/resealing.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

let test: TestDatabase;
let database: Database;
beforeEach(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url);
});
afterEach(async () => {
  await database.close();
  await test.drop();
});

const [old, next] = [randomBytes(32), randomBytes(32)];
const storeUnder = (...keys: Buffer[]) => {
  const sealer = createSealer(createKeyRing(keys));
  return {
    accounts: createAccountStore(database, sealer),
    resealing: createResealing(database, sealer),
  };
};

describe("the rotation of the master key", () => {
  it("encrypts every secret anew, in pieces, and leaves nothing under the old key", async () => {
    const { accounts } = storeUnder(old);
    for (let index = 0; index < 25; index += 1) {
      const name = `account-${index}`;
      await accounts.add({
        name,
        kind: "user",
        credentials: { kind: "user", phone: `+3360000${index}` },
        proxy: "socks5://u:p@127.0.0.1:1080",
      });
      await accounts.keepPassword(name, `password ${index}`);
      const ref = await accounts.addSlot(name);
      const session = { keyId: `key-${index}`, bytes: Buffer.from(`session ${index}`) };
      await accounts.saveSession(ref, session, "key-stored");
    }
    const both = storeUnder(next, old);
    expect(await both.resealing.fingerprints()).toEqual([fingerprintOf(old)]);
    let pieces = 0;
    while ((await both.resealing.some(10)) > 0) pieces += 1;
    expect(pieces).toBe(3);
    expect(await both.resealing.fingerprints()).toEqual([fingerprintOf(next)]);
    const { accounts: after } = storeUnder(next);
    expect(await after.credentials("account-7")).toEqual({ kind: "user", phone: "+33600007" });
    expect(await after.password("account-7")).toBe("password 7");
    expect(await after.proxy("account-7")).toBe("socks5://u:p@127.0.0.1:1080");
    const session = await after.loadSession({ account: "account-7", slot: 1 });
    expect(Buffer.from(session!.bytes).toString()).toBe("session 7");
  });

  it("leaves what somebody writes meanwhile as they wrote it", async () => {
    const { accounts } = storeUnder(old);
    await accounts.add({
      name: "desk",
      kind: "user",
      credentials: { kind: "user", phone: "+331" },
    });
    const both = storeUnder(next, old);
    const writing = accounts.keepPassword("desk", "typed meanwhile");
    await Promise.all([both.resealing.some(10), writing]);
    while ((await both.resealing.some(10)) > 0);
    expect(await storeUnder(next).accounts.password("desk")).toBe("typed meanwhile");
  });

  it("says of a wrong master key that it is wrong, and calls no session dead", async () => {
    const { accounts } = storeUnder(old);
    await accounts.add({
      name: "desk",
      kind: "user",
      credentials: { kind: "user", phone: "+331" },
    });
    const ref = await accounts.addSlot("desk");
    await accounts.saveSession(ref, { keyId: "k", bytes: Buffer.from("session") }, "key-stored");
    const wrong = storeUnder(next);
    await expect(wrong.accounts.loadSession(ref)).rejects.toMatchObject({
      code: "MASTER_KEY_WRONG",
      message: expect.stringContaining(fingerprintOf(old)),
      next: expect.stringContaining("HOLDFAST_MASTER_KEY"),
    });
    await expect(wrong.resealing.some(10)).rejects.toMatchObject({ code: "MASTER_KEY_WRONG" });
  });
});
