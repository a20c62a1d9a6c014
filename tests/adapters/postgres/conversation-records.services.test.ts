import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createConversationRecords } from "../../../src/adapters/postgres/conversation-records.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { sessionRules } from "../../../src/node/rules.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

let test: TestDatabase;
let database: Database;
beforeAll(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url);
});
afterAll(async () => {
  await database.close();
  await test.drop();
});

const records = () => createConversationRecords(database, sessionRules);

async function addSession(account: string, user: string): Promise<string> {
  const [row] = await database.query<{ id: string }>(
    `insert into conversation_sessions (channel, account, chat_user) values ('telegram', $1, $2) returning id::text`,
    [account, user],
  );
  return row!.id;
}

describe("the record of conversations", () => {
  it("lists sessions from a cursor on, the newest first", async () => {
    const ids: string[] = [];
    for (const user of ["1", "2", "3", "4"]) ids.unshift(await addSession("paged", user));
    // As numbers, not as their texts: 9 comes before 10.
    await database.query("alter sequence conversation_sessions_id_seq restart with 9");
    for (const user of ["6", "7"]) ids.unshift(await addSession("paged", user));
    await addSession("other", "5");
    const page = async (before?: string) => {
      const of = { account: "paged", limit: 3, ...(before === undefined ? {} : { before }) };
      return (await records().list(of)).map(({ id }) => id);
    };
    expect(await page()).toEqual(ids.slice(0, 3));
    expect(await page(ids[2])).toEqual(ids.slice(3));
    expect(await page(ids[5])).toEqual([]);
  });

  it("shows a session's turns from a sequence on", async () => {
    const id = await addSession("shown", "1");
    for (const seq of [1, 3, 5]) {
      await database.query(
        `insert into turns (session_id, seq, channel, account, inbound_id, asked)
         values ($1, $2, 'telegram', 'shown', $3, 'hello')`,
        [id, seq, `m:${seq}`],
      );
    }
    const shown = async (limit: number, after?: number) =>
      (await records().show(id, limit, after))?.turns.map(({ seq }) => seq);
    expect(await shown(2)).toEqual([1, 3]);
    expect(await shown(2, 3)).toEqual([5]);
    expect(await shown(2, 5)).toEqual([]);
    expect(await records().show("999999", 2)).toBeNull();
  });
});
