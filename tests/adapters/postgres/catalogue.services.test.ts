import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  compareCatalogue,
  differencesOf,
  expectedCatalogue,
  readCatalogue,
} from "../../../src/adapters/postgres/catalogue.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { repairSchema } from "../../../src/adapters/postgres/schema-repair.ts";
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

const said = async () =>
  (await compareCatalogue(database)).map(({ kind, name, how }) => `${how} ${kind} ${name}`);

const repair = (confirm = true) =>
  repairSchema(test.url, { confirm: () => Promise.resolve(confirm) });

/** Everything in the schema but what a repair may bring back. */
const everything = async () => JSON.stringify(await readCatalogue(database));

describe("the written catalogue", () => {
  it("is what the migrations make of an empty database", async () => {
    const found = (await readCatalogue(database)).map(({ kind, name, on, definition }) => ({
      kind,
      name,
      on,
      definition,
    }));
    expect(found, "write it anew: npm run catalogue").toEqual(await expectedCatalogue());
  });

  it("agrees with a database that was just migrated, which a repair leaves alone", async () => {
    expect(await said()).toEqual([]);
    const confirm = () => Promise.reject(new Error("nobody is to be asked"));
    expect(await repairSchema(test.url, { confirm })).toMatchObject({ mended: [], left: [] });
  });
});

/** One damage: the statements that make it, and what is said of it. */
const mended: readonly (readonly [what: string, damage: string, said: readonly string[]])[] = [
  [
    "a lost unique index",
    "drop index conversation_sessions_one_open",
    ["missing index conversation_sessions_one_open"],
  ],
  [
    "an index that is no longer unique",
    `drop index conversation_sessions_one_open;
     create index conversation_sessions_one_open on conversation_sessions (channel, account, chat_user)
       where status in ('active', 'escalated')`,
    ["different index conversation_sessions_one_open"],
  ],
  [
    "an index whose building was broken off",
    "update pg_index set indisvalid = false where indexrelid = 'outbox_waiting'::regclass",
    ["broken index outbox_waiting"],
  ],
  [
    "an invalid index of a primary key",
    "update pg_index set indisvalid = false where indexrelid = 'outbox_pkey'::regclass",
    ["broken index outbox_pkey"],
  ],
  [
    "a lost primary key",
    "alter table outbox drop constraint outbox_pkey",
    ["missing constraint outbox.outbox_pkey"],
  ],
  [
    "a lost check",
    "alter table conversation_sessions drop constraint conversation_sessions_status_check",
    ["missing constraint conversation_sessions.conversation_sessions_status_check"],
  ],
  [
    "a check of other values",
    `alter table conversation_sessions drop constraint conversation_sessions_status_check,
       add constraint conversation_sessions_status_check check (status <> '')`,
    ["different constraint conversation_sessions.conversation_sessions_status_check"],
  ],
  [
    "a check that old rows were spared",
    `alter table conversation_sessions drop constraint conversation_sessions_status_check,
       add constraint conversation_sessions_status_check check (status in ('active', 'escalated', 'ended', 'expired')) not valid`,
    ["broken constraint conversation_sessions.conversation_sessions_status_check"],
  ],
  [
    "a lost foreign key",
    "alter table update_cursors drop constraint update_cursors_account_fkey",
    ["missing constraint update_cursors.update_cursors_account_fkey"],
  ],
  [
    "a lost column that says nothing where it is empty",
    "alter table turns drop column media",
    ["missing column turns.media"],
  ],
  [
    "another default",
    "alter table conversation_sessions alter column status set default 'ended'",
    ["different column conversation_sessions.status"],
  ],
  [
    "a column that may be empty",
    "alter table turns alter column asked drop not null",
    ["different column turns.asked"],
  ],
  [
    "a lost trigger",
    "drop trigger audit_append_only on audit",
    ["missing trigger audit.audit_append_only"],
  ],
  [
    "a trigger that is off",
    "alter table audit disable trigger audit_append_only",
    ["broken trigger audit.audit_append_only"],
  ],
  [
    "another function",
    `create or replace function audit_is_append_only() returns trigger language plpgsql as
     $$ begin return null; end $$`,
    ["different function audit_is_append_only()"],
  ],
  [
    "a lost index of a table in parts",
    "drop index turns_by_session",
    ["missing index turns_by_session"],
  ],
  ["a lost view", "drop view messages", ["missing view messages"]],
  [
    "another view",
    `create or replace view messages as
     select session_id, seq, 'user'::text as role, asked as body, null::json as menu, created_at from turns`,
    ["different view messages"],
  ],
  ["a table without a log", "alter table turn_steps set unlogged", ["different table turn_steps"]],
];

describe("a planted damage", () => {
  it.each(mended)(
    "%s is found, mended, and nothing else is changed",
    async (_, damage, expected) => {
      const before = await everything();
      await database.query(damage);
      expect(await said()).toEqual(expected);
      const { mended: done, left } = await repair();
      expect(done.map(({ kind, name, how }) => `${how} ${kind} ${name}`)).toEqual(expected);
      expect(left).toEqual([]);
      const again = await everything();
      // A column comes back as the last of its table, which the catalogue does not speak of.
      expect(again).toBe(before);
    },
  );

  it("stays as it is where a person says no", async () => {
    await database.query("drop index outbox_waiting");
    expect(await repair(false)).toMatchObject({ confirmed: false, mended: [] });
    expect(await said()).toEqual(["missing index outbox_waiting"]);
  });

  it("of many kinds at once is mended at once", async () => {
    await database.query(mended.map(([, damage]) => damage).at(0) ?? "");
    await database.query("alter table turns drop column media");
    await database.query("drop trigger audit_append_only on audit");
    await database.query("drop function audit_is_append_only()");
    await repair();
    expect(await said()).toEqual([]);
  });
});

describe("what a repair does not bring back", () => {
  const notMended: readonly (readonly [string, string, readonly string[]])[] = [
    ["a lost table", "drop table tokens", ["missing table tokens"]],
    [
      "another type",
      "alter table turns alter column seq type bigint",
      ["different column turns.seq"],
    ],
  ];
  it.each(notMended)("%s is told with the way to a backup", async (_, damage, expected) => {
    await database.query("drop view messages");
    await database.query(damage);
    const plans: (readonly string[])[] = [];
    const found = await repairSchema(test.url, {
      confirm({ repairs }) {
        plans.push(repairs.map(({ difference: { name } }) => name));
        return Promise.resolve(true);
      },
    });
    expect(plans).toEqual([["messages"]]);
    expect(
      found.left.map(({ difference: { kind, name, how } }) => `${how} ${kind} ${name}`),
    ).toEqual(expected);
    expect(found.mended.map(({ name }) => name)).toEqual(["messages"]);
  });

  it("a column whose values are lost is not filled with a default", async () => {
    await database.query("insert into partitions (id, epoch) values (7, 41)");
    await database.query("alter table partitions drop column epoch");
    const { left } = await repair();
    expect(left).toMatchObject([
      {
        difference: { name: "partitions.epoch" },
        why: "the table has rows, whose values are lost",
      },
    ]);
  });

  it("a check that rows break is held against new rows and told", async () => {
    await database.query(
      "alter table conversation_sessions drop constraint conversation_sessions_status_check",
    );
    await database.query(
      "insert into conversation_sessions (channel, account, chat_user, status) values ('webhook', 'a', 'u', 'odd')",
    );
    const { left } = await repair();
    expect(left).toMatchObject([
      { difference: { how: "broken" }, why: expect.stringContaining("is violated by some row") },
    ]);
  });

  it("what no migration made is noted or told, and stays", async () => {
    await database.query(
      `create table of_an_operator (id int);
       create index by_an_operator on accounts (state);
       alter table accounts add column note text`,
    );
    const { left } = await repair();
    expect(left.map(({ difference: { name, matters } }) => [name, matters])).toEqual([
      ["accounts.note", true],
      ["by_an_operator", false],
      ["of_an_operator", false],
    ]);
    expect(await database.query("select note from accounts")).toEqual([]);
    expect(await database.query("select id from of_an_operator")).toEqual([]);
  });
});

describe("duplicate open sessions (V11)", () => {
  it("end before the unique index comes back, and the one that was talked in last survives", async () => {
    await database.query("drop index conversation_sessions_one_open");
    await database.query(
      `insert into conversation_sessions (channel, account, chat_user, turns, last_turn_at)
       select 'webhook', 'a', 'user-' || u, n, now() - make_interval(mins => case when u % 2 = 0 then n else -n end)
       from generate_series(1, 100) u, generate_series(1, 3) n`,
    );
    const plans: number[] = [];
    const { ended, left } = await repairSchema(test.url, {
      confirm: ({ duplicates }) => Promise.resolve(plans.push(duplicates) === 1),
    });
    expect({ plans, ended, left }).toEqual({ plans: [100], ended: 200, left: [] });
    const open = await database.query(
      `select turns, count(*)::int as n from conversation_sessions where status = 'active' group by 1 order by 1`,
    );
    expect(open).toEqual([
      { turns: 1, n: 50 },
      { turns: 3, n: 50 },
    ]);
    expect(await said()).toEqual([]);
  });
});

describe("two versions of PostgreSQL", () => {
  it("may write a view differently", () => {
    const view = { kind: "view", name: "v", on: null, works: true, ofConstraint: false } as const;
    const older = { ...view, definition: " SELECT turns.seq,\n    turns.asked\n   FROM turns;" };
    const newer = { ...view, definition: " SELECT seq,\n    asked\n   FROM turns;" };
    expect(differencesOf([newer], [older])).toEqual([]);
  });
});
