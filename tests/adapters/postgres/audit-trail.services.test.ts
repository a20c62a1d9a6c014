import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  createAuditTrail,
  readAudit,
  readAuditHeads,
} from "../../../src/adapters/postgres/audit-trail.ts";
import { type Database, openDatabase } from "../../../src/adapters/postgres/database.ts";
import { createChainCheck } from "../../../src/cli/audit-chain.ts";
import { auditText, readCalls } from "../../../src/cli/audit.ts";
import type { AuditEntry } from "../../../src/ports/callers/audit-trail.ts";
import { createTestDatabase, type TestDatabase } from "../../fixtures/database.ts";

let testDatabase: TestDatabase;
let database: Database;
const statements: string[] = [];
beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url, { onQuery: (text) => statements.push(text) });
});
beforeEach(async () => {
  await withoutTrigger("truncate audit, audit_heads");
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

/** As the owner of the tables may, and no program of the fleet does. */
async function withoutTrigger(change: string): Promise<void> {
  await database.query("alter table audit disable trigger audit_append_only");
  await database.query(change);
  await database.query("alter table audit enable trigger audit_append_only");
}

const entry = (call: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  at: "2026-11-28T12:00:00.000Z",
  call,
  phase: "asked",
  by: { name: "ci", role: "read", key: "UCI" },
  host: "one",
  verb: "account.status",
  account: "site-bot",
  params: {},
  ...more,
});

async function breaks(): Promise<readonly string[]> {
  const heads = await readAuditHeads(database, 0);
  const check = createChainCheck();
  for await (const page of readAudit(database, { sinceMs: 0, whole: true }))
    for (const line of page) check.next(line);
  return check.breaks(heads);
}

describe("the record of commands", () => {
  it("takes simultaneous lines of two nodes in few statements, each node's in one chain", async () => {
    const one = createAuditTrail(database, { chain: "one", host: "one" });
    const two = createAuditTrail(database, { chain: "two", host: "two" });
    statements.length = 0;
    const calls = Array.from({ length: 200 }, (_, n) => `c${n}`);
    await Promise.all(calls.flatMap((call) => [one.write(entry(call)), two.write(entry(call))]));
    expect(statements.length).toBeLessThan(20);
    await one.write(entry("last"));
    expect(await readAuditHeads(database, 0)).toMatchObject([
      { chain: "one", seq: 201 },
      { chain: "two", seq: 200 },
    ]);
    expect(await breaks()).toEqual([]);
  });

  it("cannot be changed, shortened or emptied", async () => {
    const trail = createAuditTrail(database, { chain: "one", host: "one" });
    await trail.write(entry("c1"));
    for (const change of ["update audit set line = ''", "delete from audit", "truncate audit"]) {
      await expect(database.query(change)).rejects.toThrow("audit is append-only");
    }
  });

  it.each([
    [
      "a changed line",
      "update audit set line = replace(line, 'site-bot', 'site-desk') where seq = 2",
    ],
    ["a lost line", "delete from audit where seq = 2"],
    ["a lost end", "delete from audit where seq = 3"],
    ["a changed end", "update audit set line = line || ' ' where seq = 3"],
    ["a lost chain", "delete from audit"],
    ["a first line that is no JSON", "update audit set line = 'x' where seq = 1"],
  ])("shows %s to the one who verifies it", async (_what, change) => {
    const trail = createAuditTrail(database, { chain: "one", host: "one" });
    for (const call of ["c1", "c2", "c3"]) await trail.write(entry(call));
    expect(await breaks()).toEqual([]);
    await withoutTrigger(change);
    expect(await breaks()).not.toEqual([]);
  });

  it("says that a line is not stored while Postgres is away, and goes on where it stood", async () => {
    const trail = createAuditTrail(database, { chain: "one", host: "one" });
    await trail.write(entry("c1"));
    await database.query("alter table audit rename to audit_away");
    const lost = trail.write(entry("c2"));
    await expect(lost).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE", policy: "retryable" });
    await database.query("alter table audit_away rename to audit");
    await trail.write(entry("c3"));
    expect(await breaks()).toEqual([]);
    expect(await readAuditHeads(database, 0)).toMatchObject([{ seq: 2 }]);
  });

  it("is read as calls with their outcomes, of one account, of one caller, since a moment", async () => {
    const trail = createAuditTrail(database, { chain: "one", host: "one" });
    await trail.write(entry("c1"));
    await trail.write(entry("c1", { phase: "ended", outcome: "done" }));
    const other = { name: "shop", role: "send", key: "USHOP" } as const;
    await trail.write(entry("c2", { by: other, account: "site-desk" }));
    await trail.write(
      entry("c3", { phase: "refused", outcome: "ROLE_MISSING", at: "2026-11-28T13:00:00.000Z" }),
    );
    const env = { HOLDFAST_DATABASE_URL: testDatabase.url };
    const outcomes = async (more: object) =>
      (await readCalls(env, { sinceMs: 0, verify: false, ...more })).calls.map(
        ({ call, outcome }) => `${call} ${outcome}`,
      );
    expect(await outcomes({})).toEqual(["c1 done", "c2 unknown", "c3 ROLE_MISSING"]);
    expect(await outcomes({ account: "site-desk" })).toEqual(["c2 unknown"]);
    expect(await outcomes({ by: "shop" })).toEqual(["c2 unknown"]);
    expect(await outcomes({ by: "UCI" })).toEqual(["c1 done", "c3 ROLE_MISSING"]);
    const lateMs = Date.parse("2026-11-28T12:30:00Z");
    expect(await outcomes({ sinceMs: lateMs, by: "ci" })).toEqual(["c3 ROLE_MISSING"]);
    const read = await readCalls(env, { sinceMs: 0, verify: true, account: "site-desk" });
    expect(auditText(read)).toBe(
      `2026-11-28T12:00:00.000Z  shop (send)           account.status        site-desk     unknown       one  {}\n1 calls, 0 broken links`,
    );
  });
});
