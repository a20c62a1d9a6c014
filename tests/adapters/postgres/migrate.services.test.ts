import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
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

describe("a lock on a table", () => {
  let directory: string;
  let other: TestDatabase;
  let locker: Client;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-migrations-"));
    other = await createTestDatabase();
    locker = new Client({ connectionString: other.url });
    await locker.connect();
    await locker.query("delete from schema_migrations");
    await writeFile(join(directory, "0001-one.up.sql"), "create table one (id int);");
    await migrate(other.url, { directory });
    await writeFile(join(directory, "0002-two.up.sql"), "alter table one add column two int;");
  });
  afterEach(async () => {
    await locker.end();
    await other.drop();
    await rm(directory, { recursive: true, force: true });
  });

  const patience = { waitMs: 50, restMs: 100, triesMax: 200 };

  it("that a dump holds is waited for in turns, so that others get through meanwhile", async () => {
    await locker.query("begin; select from one");
    const lines: string[] = [];
    const applied = migrate(other.url, {
      directory,
      patience: { ...patience, onWait: (line) => void lines.push(line) },
    });
    await expect.poll(() => lines.length).toBeGreaterThan(1);
    const reader = openDatabase(other.url);
    expect(await reader.query("select from one")).toEqual([]);
    await reader.close();
    await locker.query("commit");
    expect(await applied).toMatchObject({ applied: ["0002-two"] });
    expect(lines[0]).toMatch(
      /^0002-two waits for a lock on a table .* at work for longer: pid \d+/,
    );
  });

  it("that is never let go is given up with what holds it, and nothing is changed", async () => {
    await locker.query("begin; select from one");
    await expect(
      migrate(other.url, { directory, patience: { ...patience, triesMax: 2 } }),
    ).rejects.toMatchObject({
      code: "MIGRATION_WAITS",
      policy: "retryable",
      message: expect.stringMatching(/^0002-two .* pid \d+/),
    });
    await locker.query("commit");
    expect((await readSchema(other.url, { directory })).problems).toEqual(["0002-two is pending"]);
  });
});

describe("an index that is built beside the work of others", () => {
  it("waits for an older transaction as long as that takes", async () => {
    await database.query("drop index conversation_sessions_one_open");
    await database.query("delete from schema_migrations where version = 10");
    const older = new Client({ connectionString: test.url });
    await older.connect();
    await older.query("begin isolation level repeatable read; select from accounts");
    const patience = { waitMs: 50, restMs: 10, triesMax: 1 };
    const applied = migrate(test.url, { patience });
    await expect
      .poll(() =>
        database.query(
          `select from pg_stat_activity where wait_event_type = 'Lock'
             and query ~* 'index concurrently' and now() - query_start > interval '200 ms'`,
        ),
      )
      .toHaveLength(1);
    await older.query("commit");
    expect(await applied).toMatchObject({ applied: ["0010-one-open-session"] });
    await older.end();
  });

  it("is dropped as the remains of an earlier try only if it is the migration's own", async () => {
    await database.query("create index by_an_operator on accounts (state)");
    await database.query(
      `update pg_index set indisvalid = false where indexrelid = 'by_an_operator'::regclass`,
    );
    await database.query("delete from schema_migrations where version = 10");
    expect(await migrate(test.url)).toMatchObject({ applied: ["0010-one-open-session"] });
    expect((await readSchema(test.url)).problems).toEqual([
      "the index by_an_operator is not valid",
    ]);
  });
});

describe("going back (V11)", () => {
  it("is refused while replies wait that no older version sends", async () => {
    await database.query(
      `insert into outbox (channel, account, chat_user, address, reply_index, session_id, seq, random_id, partition)
       values ('webhook', 'a', 'u', '{}', 1, 1, 3, 7, 2)`,
    );
    await expect(migrateDown(test.url, 11)).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("replies of the webhook channel wait to be sent"),
    });
    expect(await database.query("select partition from outbox")).toEqual([{ partition: 2 }]);
  });

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
      "0035-server-salts",
      "0034-silenced-incarnations",
      "0033-marks-in-commits",
      "0032-escalations",
      "0031-retention",
      "0030-turns-by-month",
      "0029-taken-messages",
      "0028-bot-suspects",
      "0027-adopted-sessions",
      "0026-removed-accounts",
      "0025-account-bots",
      "0024-stream-losses",
      "0023-telegram-waits",
      "0022-turn-backlog",
      "0021-parked-turns",
      "0020-replies-by-chat",
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

  it("makes the table of turns the first month as it is, and marks what was taken", async () => {
    await migrateDown(test.url, 27);
    await database.query(
      `insert into turns (session_id, seq, channel, account, inbound_id, asked, created_at)
       select n, 1, 'telegram', 'a', 'm:' || n, 'hello', now() - n * interval '1 minute' from generate_series(1, 25000) n`,
    );
    const fileOf = async (table: string) =>
      (await database.query(`select pg_relation_filenode('${table}') as file`))[0];
    const before = await fileOf("turns");
    await migrate(test.url);
    expect(await fileOf("turns_before")).toEqual(before);
    expect(
      await database.query(
        `select count(*)::int as n from turns t join taken_messages k
         on k.mark = taken_mark(t.channel, t.account, t.inbound_id) and k.taken_on = (t.created_at at time zone 'UTC')::date`,
      ),
    ).toEqual([{ n: 25_000 }]);
    await expect(
      database.query(
        "insert into turns (session_id, seq, channel, account, inbound_id, asked) values (1, 9, 'telegram', 'a', 'm:7', 'again')",
      ),
    ).rejects.toMatchObject({ constraint: "taken_messages_pkey" });
  });

  it("leaves the bot to a person's account that it has answered for, and gives none to others", async () => {
    await migrateDown(test.url, 24);
    await database.query(
      `insert into accounts (name, kind, credentials) values
       ('answered', 'user', ''), ('quiet', 'user', ''), ('shop', 'bot', '')`,
    );
    await database.query(
      `insert into turns (session_id, seq, channel, account, inbound_id, asked, replies) values
       (1, 1, 'telegram', 'answered', 'm:1', 'hello', '[{"body": "hi", "menu": null}]'),
       (2, 1, 'telegram', 'quiet', 'm:1', 'hello', null),
       (3, 1, 'telegram', 'shop', 'm:1', 'hello', '[{"body": "hi", "menu": null}]')`,
    );
    await migrate(test.url);
    expect(await database.query("select name, bot from accounts order by name")).toEqual([
      { name: "answered", bot: "host" },
      { name: "quiet", bot: null },
      { name: "shop", bot: null },
    ]);
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
