import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKeyRing } from "../../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

let test: TestDatabase;
let database: Database;
beforeAll(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url, { poolMax: 16 });
});
afterAll(async () => {
  await database.close();
  await test.drop();
});

describe("accounts in Postgres", () => {
  const accounts = () =>
    createAccountStore(database, createSealer(createKeyRing([randomBytes(32)])));

  it("keeps phone numbers, tokens and sessions unreadable at rest (I7)", async () => {
    const store = accounts();
    const phone = "+33612345678";
    await store.add({ name: "sealed", kind: "user", credentials: { kind: "user", phone } });
    const slot = await store.addSlot("sealed");
    const bytes = Buffer.from("the session of sealed, in clear");
    await store.saveSession(slot, { keyId: "00000000000000aa", bytes }, "key-stored");
    const [row] = await database.query<{ dump: string }>(
      `select a::text || s::text as dump from accounts a join authorisations s on s.account = a.name
       where a.name = 'sealed'`,
    );
    for (const secret of [Buffer.from(phone), bytes]) {
      expect(row!.dump).not.toContain(secret.toString());
      expect(row!.dump).not.toContain(secret.toString("hex"));
    }
    expect((await store.loadSession(slot))?.bytes).toEqual(bytes);
  });

  it("refuses one key for two slots", async () => {
    const store = accounts();
    await store.add({ name: "twice", kind: "bot", credentials: { kind: "bot", token: "1:x" } });
    const session = { keyId: "00000000000000bb", bytes: Buffer.from("s") };
    await store.saveSession(await store.addSlot("twice"), session, "key-stored");
    const second = await store.addSlot("twice");
    await expect(store.saveSession(second, session, "key-stored")).rejects.toMatchObject({
      code: "KEY_ALREADY_HELD",
    });
  });

  it("says that a stored session does not decrypt under another master key", async () => {
    await accounts().add({
      name: "rekeyed",
      kind: "bot",
      credentials: { kind: "bot", token: "1:x" },
    });
    await expect(accounts().credentials("rekeyed")).rejects.toMatchObject({
      code: "MASTER_KEY_WRONG",
    });
  });
});
