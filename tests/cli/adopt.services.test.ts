import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { main } from "../../src/main/cli.ts";
import { createTestDatabase, type TestDatabase } from "../fixtures/database.ts";
import { createOldBot, fillByRace, type OldBot } from "../fixtures/old-bot.ts";

let home: string;
let old: OldBot;
let test: TestDatabase;
let database: Database;
const [out, err]: [string[], string[]] = [[], []];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-adopt-"));
  [old, test] = await Promise.all([createOldBot(), createTestDatabase()]);
  database = openDatabase(test.url);
  vi.stubEnv("HOLDFAST_DATABASE_URL", test.url);
  for (const [stream, lines] of [
    [process.stdout, out],
    [process.stderr, err],
  ] as const) {
    lines.length = 0;
    vi.spyOn(stream, "write").mockImplementation((text) => lines.push(String(text)) > 0);
  }
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await database.close();
  await Promise.all([old.drop(), test.drop(), rm(home, { recursive: true })]);
});

const adopt = (...options: readonly string[]) =>
  main(["adopt", "conversations", "--from", old.url, ...options]);

const sessions = async () => (await database.query("select from conversation_sessions")).length;

describe("holdfast adopt conversations", () => {
  beforeEach(() => fillByRace(old, { users: 10, messages: 400 }));

  it("shows the mapping, brings everything over, and reports it as JSON", async () => {
    expect(await adopt("--yes", "--json")).toBe(0);
    expect(JSON.parse(out.join(""))).toEqual({
      to: { channel: "webhook", account: "webhook" },
      mapping: expect.arrayContaining([
        expect.stringContaining("subcontractors.contact_telephone"),
      ]),
      dryRun: false,
      users: 10,
      sessions: { found: 40, active: 10, ended: 20, history: 10, adoptedBefore: 0, skipped: 0 },
      messages: { found: 400, copied: 400, adoptedBefore: 0, skipped: 0 },
      toolOutputs: 0,
      skipped: [],
    });
    expect(err.join("")).toContain("chat user     ← subcontractors.contact_telephone");
    expect(await sessions()).toBe(40);
  });

  it("typed by two people at once brings each session over once", async () => {
    expect(await Promise.all([adopt("--yes"), adopt("--yes"), adopt("--yes")])).toEqual([0, 0, 0]);
    expect(await sessions()).toBe(40);
    expect(await database.query("select from messages")).toHaveLength(400);
    expect(
      await database.query("select from conversation_sessions where status = 'active'"),
    ).toHaveLength(10);
  });

  it("writes nothing in a dry run, nor where nobody has said yes", async () => {
    expect(await adopt("--dry-run")).toBe(0);
    expect(out.join("")).toContain("10 go on, 20 were active and have ended, 10 are history");
    expect(await adopt()).toBe(1);
    expect(err.join("")).toContain("Nothing was brought over.");
    expect(await sessions()).toBe(0);
  });

  it("takes an address with a password from a file alone", async () => {
    const withPassword = old.url.replace("holdfast@", "holdfast:s3cret@");
    expect(await main(["adopt", "conversations", "--from", withPassword, "--yes"])).toBe(1);
    expect(err.join("")).toContain("was given as an argument");
    const file = join(home, "old.url");
    await writeFile(file, `${withPassword}\n`, { mode: 0o600 });
    expect(await main(["adopt", "conversations", "--from", file, "--yes"])).toBe(0);
    expect(await sessions()).toBe(40);
  });

  it("is for Telegram where the account is the fleet's, and the old database knows its users' ids", async () => {
    await database.query(
      "insert into accounts (name, kind, credentials) values ('desk', 'bot', '')",
    );
    expect(await adopt("--account", "desk", "--yes")).toBe(1);
    expect(err.join("")).toContain("no column has Telegram's ids of the users");
    await old.run("alter table subcontractors add column telegram_id bigint");
    await old.run("update subcontractors set telegram_id = right(contact_telephone, 4)::int");
    expect(await adopt("--account", "desk", "--yes")).toBe(0);
    expect(
      await database.query(
        "select chat_user from conversation_sessions where channel = 'telegram' and account = 'desk' and status = 'active' order by chat_user::int",
      ),
    ).toEqual(Array.from({ length: 10 }, (_, n) => ({ chat_user: String(n + 1) })));
  });

  it("names a column that does not exist, and an account that is none", async () => {
    expect(await adopt("--user", "nickname", "--yes")).toBe(1);
    expect(err.join("")).toContain("there is no column nickname");
    expect(await adopt("--channel", "telegram", "--account", "desk", "--yes")).toBe(1);
    expect(err.join("")).toContain("There is no account desk;");
    expect(await adopt("--account", "desk", "--yes")).toBe(1);
    expect(err.join("")).toContain("There is no account desk, and");
    expect(await sessions()).toBe(0);
  });
});

describe("holdfast migrate verify and repair", () => {
  it("say what is wrong, mend it, and say that it is well", async () => {
    expect(await main(["migrate", "verify"])).toBe(0);
    await database.query("drop index conversation_sessions_one_open");
    await database.query(
      `insert into conversation_sessions (channel, account, chat_user)
       values ('webhook', 'a', 'u'), ('webhook', 'a', 'u')`,
    );
    expect(await main(["migrate", "verify"])).toBe(1);
    expect(out.join("")).toContain(
      "wrong: the index conversation_sessions_one_open is missing; npx holdfast migrate repair\nwrong: 1 chat users have several open sessions; npx holdfast migrate repair\n",
    );
    expect(await main(["migrate", "repair"])).toBe(1);
    expect(err.join("")).toContain("The schema was not repaired.");
    expect(await main(["migrate", "repair", "--yes"])).toBe(0);
    expect(out.join("")).toContain("mended: the index conversation_sessions_one_open\n");
    expect(out.join("")).toContain("ended: 1 sessions whose users have newer ones\n");
    expect(await main(["migrate", "verify", "--json"])).toBe(0);
    expect(out.at(-1)).toBe('{"well":true,"differences":[]}\n');
  });

  it("notes what stands beside the schema, and leaves it", async () => {
    await database.query("create table of_an_operator (id int)");
    expect(await main(["migrate", "verify"])).toBe(0);
    expect(out.join("")).toContain(
      "note: the table of_an_operator was made by no migration; leave it",
    );
  });

  it("speak of pending migrations before anything else", async () => {
    await database.query("delete from schema_migrations where version > 26");
    expect(await main(["migrate", "verify"])).toBe(1);
    expect(out.join("")).toContain(
      "wrong: 0027-adopted-sessions is pending; npx holdfast migrate up\n",
    );
    expect(await main(["migrate", "repair", "--yes"])).toBe(1);
    expect(err.join("")).toContain("migrations are pending");
  });
});
