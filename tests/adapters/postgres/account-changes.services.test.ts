import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createKeyRing } from "../../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createAccountRoll } from "../../../src/accounts/known-accounts.ts";
import type { AccountStores } from "../../../src/ports/accounts/account-store.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

let test: TestDatabase;
let database: Database;
let accounts: AccountStores;
beforeEach(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url, { poolMax: 4 });
  accounts = createAccountStore(database, createSealer(createKeyRing([randomBytes(32)])));
  for (const name of ["a", "b", "c"]) await add(name);
});
afterEach(async () => {
  await database.close();
  await test.drop();
});

const add = (name: string) =>
  accounts.add({ name, kind: "bot", credentials: { kind: "bot", token: "1:a" } });

function openRoll() {
  const heard: string[][] = [];
  const onChanged: Parameters<typeof createAccountRoll>[0]["onChanged"] = (records) =>
    heard.push(records.map(({ name }) => name).toSorted());
  return { roll: createAccountRoll({ accounts, onChanged }), heard };
}

/** A change is read again for as long as any transaction of the server, of another spec too, is older than it. */
const untilNothingIsNew = (roll: { look(): Promise<unknown> }, heard: string[][]) =>
  expect
    .poll(
      async () => {
        await roll.look();
        return heard.at(-1);
      },
      { timeout: 20_000 },
    )
    .toEqual([]);

describe("the fleet's accounts, as a host reads them", () => {
  it("are read whole once, and then only where they changed", async () => {
    const { roll, heard } = openRoll();
    await roll.look();
    expect(heard).toEqual([["a", "b", "c"]]);
    const before = roll.names;
    await untilNothingIsNew(roll, heard);
    expect(roll.names).toBe(before);
    await accounts.cool("b", Date.now());
    await roll.look();
    expect(heard.at(-1)).toEqual(["b"]);
    expect(roll.names).toBe(before);
    await untilNothingIsNew(roll, heard);
    await accounts.want("c", "stop");
    await add("d");
    await roll.look();
    expect(heard.at(-1)).toEqual(["c", "d"]);
    expect(roll.names.toSorted()).toEqual(["a", "b", "d"]);
    expect(roll.kindOf("c")).toBe("bot");
    expect(roll.kindOf("e")).toBeNull();
  });

  it("come with their bots and the Telegram users that they are", async () => {
    const { roll } = openRoll();
    await database.query("update accounts set telegram_user_id = 41 where name = 'a'");
    await roll.look();
    expect(roll.find("a")).toMatchObject({ kind: "bot", bot: null });
    expect([roll.isFleets("41"), roll.isFleets("42")]).toEqual([true, false]);
    await accounts.chooseBot("a", "none");
    await database.query("update accounts set telegram_user_id = 42 where name = 'b'");
    await roll.look();
    expect(roll.find("a")?.bot).toBe("none");
    expect([roll.isFleets("41"), roll.isFleets("42")]).toEqual([true, true]);
    await expect(accounts.chooseBot("z", "none")).rejects.toMatchObject({
      code: "ACCOUNT_UNKNOWN",
    });
  });

  it("leave out no change of a transaction that was under way during a look", async () => {
    const { roll, heard } = openRoll();
    await roll.look();
    await database.transaction(async (slow) => {
      await slow.query("update accounts set wanted = 'stop' where name = 'a'");
      await accounts.want("b", "stop");
      await roll.look();
      expect(roll.names).toEqual(["a", "c"]);
    });
    await roll.look();
    expect(roll.names).toEqual(["c"]);
    expect(heard.at(-1)).toContain("a");
  });

  it("are read whole again when some are gone, or the database is older than it was", async () => {
    const asked: (string | null)[] = [];
    let isRestored = false;
    const { changes } = accounts;
    accounts = {
      ...accounts,
      async changes(since) {
        asked.push(since);
        const read = await changes(since);
        return isRestored ? { ...read, mark: "1" } : read;
      },
    };
    const { roll } = openRoll();
    await roll.look();
    await database.query("delete from accounts where name = 'a'");
    await roll.look();
    expect(roll.names).toEqual(["b", "c"]);
    isRestored = true;
    await roll.look();
    expect(asked.map((since) => since === null)).toEqual([true, false, true, false, true]);
  });
});
