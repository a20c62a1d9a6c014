import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { migrate, migrateDown, readSchema } from "../../../src/adapters/postgres/migrate.ts";
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

describe("bringing the schema up to date", () => {
  it("does nothing to a schema that is up to date", async () => {
    expect((await migrate(test.url)).applied).toEqual([]);
  });

  it("refuses a database of a newer program and changes nothing", async () => {
    await database.query(
      "insert into schema_migrations (version, name, checksum) values (9999, 'later', 'x')",
    );
    await expect(migrate(test.url)).rejects.toMatchObject({ code: "SCHEMA_NEWER" });
    expect(await database.query("select from accounts")).toEqual([]);
  });

  it("refuses a migration that was edited after it was applied", async () => {
    await database.query("update schema_migrations set checksum = 'other' where version = 1");
    await expect(migrate(test.url)).rejects.toMatchObject({ code: "MIGRATION_EDITED" });
  });

  it("says which database does not answer", async () => {
    await expect(migrate("postgres://127.0.0.1:1/none")).rejects.toMatchObject({
      code: "DATABASE_UNAVAILABLE",
    });
  });
});

/** The remains of the old program's races: several open sessions for most users. */
async function fillWithDuplicates(users: number): Promise<void> {
  await database.query("drop index conversation_sessions_one_open");
  await database.query("delete from schema_migrations where version = 10");
  await database.query(
    `insert into conversation_sessions (channel, account, chat_user, turns, status, last_turn_at)
     select 'telegram', 'a', 'user-' || u, n, case when n = 4 then 'ended' else 'active' end,
       now() - make_interval(mins => n * (case when u % 2 = 0 then 1 else -1 end))
     from generate_series(1, $1::int) u, generate_series(1, 4) n`,
    [users],
  );
}

describe("the clean-up of duplicate sessions (V11)", () => {
  it("lets the one that was talked in last survive, ends the others, and makes the index", async () => {
    await fillWithDuplicates(500);
    expect((await readSchema(test.url)).problems).toEqual(["0010-one-open-session is pending"]);
    expect((await migrate(test.url)).applied).toEqual(["0010-one-open-session"]);
    const open = await database.query<{ u: number; n: number }>(
      `select substring(chat_user from 6)::int as u, turns as n from conversation_sessions
       where status = 'active' order by 1`,
    );
    // Of even users the first was talked in last, of odd ones the third; the fourth had ended before.
    expect(open).toEqual(
      Array.from({ length: 500 }, (_, n) => ({ u: n + 1, n: n % 2 === 0 ? 3 : 1 })),
    );
    const [ended] = await database.query<{ n: number }>(
      "select count(*)::int as n from conversation_sessions where status = 'ended' and ended_at is not null",
    );
    expect(ended?.n).toBe(1000);
    await expect(
      database.query(
        "insert into conversation_sessions (channel, account, chat_user) values ('telegram', 'a', 'user-1')",
      ),
    ).rejects.toMatchObject({ code: "23505" });
  });

  it("makes anew an index that an earlier try left invalid", async () => {
    await database.query("delete from schema_migrations where version = 10");
    await database.query(
      `update pg_index set indisvalid = false
       where indexrelid = 'conversation_sessions_one_open'::regclass`,
    );
    expect((await readSchema(test.url)).problems).toEqual([
      "0010-one-open-session is pending",
      "the index conversation_sessions_one_open is not valid",
    ]);
    await migrate(test.url);
    expect((await readSchema(test.url)).problems).toEqual([]);
  });
});

describe("going back (V11)", () => {
  it("undoes to a version and comes again, with what was said", async () => {
    await database.query(
      `insert into conversation_sessions (id, channel, account, chat_user, turns, last_seq, snapshot)
       overriding system value values (1, 'telegram', 'a', 'u', 2, 5, '{"state": 1}')`,
    );
    await database.query(
      `insert into turns (session_id, seq, channel, account, inbound_id, asked, replies, tool_outputs) values
       (1, 1, 'telegram', 'a', 'm:1', 'hello', '[{"body": "hi", "menu": null}, {"body": "choose", "menu": [{"label": "x", "action": "y"}]}]',
         '[{"seq": 64, "name": "sites", "output": [1]}, {"seq": 65, "name": "none", "output": null}]'),
       (1, 4, 'telegram', 'a', 'm:2', 'bye', '[{"body": "ciao", "menu": null}]', null)`,
    );
    await database.query(
      `insert into outbox (channel, account, chat_user, address, reply_index, session_id, seq, random_id)
       values ('telegram', 'a', 'u', '{"accessHash": "1"}', 1, 1, 3, 7)`,
    );
    const turns = () =>
      database.query("select seq, asked, replies, tool_outputs from turns order by seq");
    const before = await turns();
    expect(await migrateDown(test.url, 8)).toEqual([
      "0022-turn-backlog",
      "0019-webhook-requests",
      "0018-sealing-key",
      "0017-fleet-identity",
      "0016-signed-custody",
      "0015-callers",
      "0014-telegram-users",
      "0013-partition-replies",
      "0012-media-and-channels",
      "0011-progress-updates",
      "0010-one-open-session",
      "0009-turns",
    ]);
    expect(await database.query("select seq, role, body from messages order by seq")).toHaveLength(
      5,
    );
    expect(await database.query("select body, menu from outbox")).toEqual([
      { body: "choose", menu: [{ label: "x", action: "y" }] },
    ]);
    await migrate(test.url);
    expect(await turns()).toEqual(before);
    expect((await readSchema(test.url)).problems).toEqual([]);
  });

  it("goes down to nothing and up again", async () => {
    await migrateDown(test.url, 0);
    expect((await readSchema(test.url)).migrations[0]?.state).toBe("pending");
    await migrate(test.url);
    expect((await readSchema(test.url)).problems).toEqual([]);
  });

  it("stops where there is no way back, and says what was edited", async () => {
    const directory = await mkdtemp(join(tmpdir(), "holdfast-migrations-"));
    try {
      await writeFile(join(directory, "0001-one.up.sql"), "create table one (id int);");
      const other = await createTestDatabase();
      const on = openDatabase(other.url);
      await on.query("delete from schema_migrations");
      await migrate(other.url, { directory });
      await expect(migrateDown(other.url, 0, { directory })).rejects.toMatchObject({
        code: "MIGRATION_ONE_WAY",
      });
      await writeFile(join(directory, "0001-one.up.sql"), "create table one (id bigint);");
      expect((await readSchema(other.url, { directory })).problems).toEqual([
        "0001-one was edited after it was applied",
      ]);
      await on.close();
      await other.drop();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
