import { createHash, randomBytes } from "node:crypto";
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  convertToGramjsSession,
  convertToPyrogramSession,
  convertToTelethonSession,
  convertToTdata,
} from "@mtcute/convert";
import { writeStringSession } from "@mtcute/core/utils.js";
import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../../../src/adapters/telegram/node-crypto.ts";
import { keyIdOfSession, readForeignSession } from "../../../src/cli/foreign/session.ts";

const key = randomBytes(256);
const id = createHash("sha1").update(key).digest().subarray(-8).toString("hex");

function gramjs(address: string): string {
  const head = Buffer.alloc(3);
  head.writeUInt8(2, 0);
  head.writeInt16BE(address.length, 1);
  const port = Buffer.alloc(2);
  port.writeInt16BE(443);
  return `1${Buffer.concat([head, Buffer.from(address), port, key]).toString("base64")}`;
}

function telethon(addressBytes: number): string {
  const body = Buffer.concat([
    Buffer.from([2]),
    Buffer.alloc(addressBytes),
    Buffer.from([1, 187]),
    key,
  ]);
  return `1${body.toString("base64url")}`;
}

const tdataCrypto = () =>
  Object.assign(createNodeCrypto(), {
    createHash: (algorithm: "md5" | "sha512") => {
      const hasher = createHash(algorithm);
      return {
        update: (data: Uint8Array) => void hasher.update(data),
        digest: () => hasher.digest(),
      };
    },
  });

const sessionOf = (dcId: number) => ({
  version: 3 as const,
  primaryDcs: {
    main: { id: dcId, ipAddress: "149.154.167.51", port: 443 },
    media: { id: dcId, ipAddress: "149.154.167.51", port: 443 },
  },
  authKey: key,
  self: { userId: 42, isBot: false, isPremium: false, usernames: [] },
});

/** As Telethon leaves its file, or as Pyrogram does, which writes ahead. */
function writeSqliteSession(file: string, columns: string, journal: "delete" | "wal"): void {
  const database = new DatabaseSync(file);
  database.exec(`pragma journal_mode = ${journal}`);
  database.exec(`create table sessions (${columns})`);
  database.prepare("insert into sessions (dc_id, auth_key) values (2, ?)").run(key);
  database.close();
}

describe("the session of another program", () => {
  it.each([
    ["telethon", convertToTelethonSession(sessionOf(2))],
    ["pyrogram", convertToPyrogramSession(sessionOf(2), { apiId: 1 })],
    ["gramjs", convertToGramjsSession(sessionOf(2))],
    ["mtcute", writeStringSession(sessionOf(2))],
  ] as const)(
    "is read from a string of %s, and from a file that holds it",
    async (program, text) => {
      const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
      const file = join(folder, "session.txt");
      await writeFile(file, `${text}\n`);
      for (const given of [text, file]) {
        const session = await readForeignSession(program, given);
        expect(session.dcId).toBe(2);
        expect(Buffer.from(session.key).equals(key)).toBe(true);
      }
      await rm(folder, { recursive: true });
    },
  );

  it.each([
    [
      "telethon",
      "delete",
      "dc_id integer, server_address text, port integer, auth_key blob, takeout_id integer",
    ],
    [
      "pyrogram",
      "wal",
      "dc_id integer, api_id integer, test_mode integer, auth_key blob, date integer",
    ],
  ] as const)(
    "is read from the SQLite file of %s, which stays as it is",
    async (program, journal, columns) => {
      const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
      const file = join(folder, "telegram session #1?.session");
      writeSqliteSession(file, columns, journal);
      const before = await readFile(file);
      expect(Buffer.from((await readForeignSession(program, file)).key).equals(key)).toBe(true);
      expect((await readFile(file)).equals(before)).toBe(true);
      expect(await readdir(folder)).toEqual([basename(file)]);
      await rm(folder, { recursive: true });
    },
  );

  it("is read with what its program, ended at work, left beside the SQLite file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
    const file = join(folder, "left.session");
    const database = new DatabaseSync(file);
    database.exec("pragma journal_mode = wal");
    database.exec("create table sessions (dc_id integer, auth_key blob)");
    const older = randomBytes(256);
    database.prepare("insert into sessions values (2, ?)").run(older);
    database.exec("pragma wal_checkpoint(truncate)");
    database.prepare("update sessions set auth_key = ?").run(key);
    // As a program leaves it that is ended with kill -9.
    for (const side of ["", "-wal", "-shm"]) {
      await copyFile(`${file}${side}`, join(folder, `copy.session${side}`));
    }
    database.close();
    const copy = join(folder, "copy.session");
    const before = await readFile(copy);
    expect(Buffer.from((await readForeignSession("pyrogram", copy)).key).equals(key)).toBe(true);
    expect(await keyIdOfSession(copy)).toBe(id);
    expect((await readFile(copy)).equals(before)).toBe(true);
    await rm(folder, { recursive: true });
  });

  it("is read as it was before a change that its program did not end", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
    const file = join(folder, "half.session");
    writeSqliteSession(file, "dc_id integer, auth_key blob", "delete");
    const database = new DatabaseSync(file);
    database.exec("pragma cache_size = 1; pragma cache_spill = 1; begin");
    database.prepare("update sessions set auth_key = ?").run(randomBytes(256));
    database.exec("create table filler (a blob)");
    for (let n = 0; n < 40; n += 1)
      database.prepare("insert into filler values (?)").run(randomBytes(4096));
    for (const side of ["", "-journal"]) {
      await copyFile(`${file}${side}`, join(folder, `copy.session${side}`));
    }
    database.exec("rollback");
    database.close();
    const session = await readForeignSession("telethon", join(folder, "copy.session"));
    expect(Buffer.from(session.key).equals(key)).toBe(true);
    await rm(folder, { recursive: true });
  });

  it("is read from the folder tdata of Telegram Desktop, and from the folder around it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
    const crypto = tdataCrypto();
    await convertToTdata([sessionOf(2)], {
      path: join(folder, "tdata"),
      crypto,
      ignoreVersion: true,
    });
    for (const path of [folder, join(folder, "tdata")]) {
      const session = await readForeignSession("tdata", path);
      expect(session).toMatchObject({ dcId: 2 });
      expect(Buffer.from(session.key).equals(key)).toBe(true);
      expect(await keyIdOfSession(path)).toBe(id);
    }
    await rm(folder, { recursive: true });
  });

  it("is refused where tdata has a passcode, with the way out", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
    const crypto = tdataCrypto();
    await convertToTdata([sessionOf(2)], { path: join(folder, "tdata"), crypto, passcode: "1234" });
    await expect(readForeignSession("tdata", folder)).rejects.toMatchObject({
      code: "SESSION_UNREADABLE",
      message: expect.stringContaining("take it off in Telegram Desktop"),
    });
    await rm(folder, { recursive: true });
  });

  it.each([
    ["a path that leads nowhere", "./no-such-file.session", "There is no file"],
    ["a folder that is not tdata", ".", "is a folder"],
    ["an empty file", "empty", "is empty"],
    ["bytes that are no text", "bytes", "neither text in UTF-8 or UTF-16 nor"],
    ["a key that was never written", "never", "never logged in"],
  ])("is refused for %s, which is said", async (_what, name, why) => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
    await writeFile(join(folder, "empty"), "");
    await writeFile(join(folder, "bytes"), Buffer.from([0x80, 0x81, 0, 1]));
    const database = new DatabaseSync(join(folder, "never"));
    database.exec("create table sessions (dc_id integer, auth_key blob)");
    database.exec("insert into sessions values (2, null)");
    database.close();
    await expect(readForeignSession("telethon", join(folder, name))).rejects.toMatchObject({
      code: "SESSION_UNREADABLE",
      message: expect.stringContaining(why),
    });
    await rm(folder, { recursive: true });
  });

  it.each(["utf16le", "utf8"] as const)(
    "is read from a file in %s with its mark",
    async (encoding) => {
      const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
      const text = convertToTelethonSession(sessionOf(2));
      await writeFile(join(folder, "marked.txt"), Buffer.from(`\ufeff${text}\r\n`, encoding));
      const session = await readForeignSession("telethon", join(folder, "marked.txt"));
      expect(Buffer.from(session.key).equals(key)).toBe(true);
      await rm(folder, { recursive: true });
    },
  );

  it("is read from an SQLite file that its own program holds", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
    const file = join(folder, "held.session");
    writeSqliteSession(file, "dc_id integer, auth_key blob", "delete");
    const holder = new DatabaseSync(file);
    holder.exec("begin exclusive");
    expect((await readForeignSession("telethon", file)).dcId).toBe(2);
    holder.close();
    await rm(folder, { recursive: true });
  });

  it("is refused where an SQLite file holds none", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
    const file = join(folder, "other.session");
    new DatabaseSync(file).exec("create table sessions (dc_id integer); vacuum");
    await expect(readForeignSession("telethon", file)).rejects.toMatchObject({
      code: "SESSION_UNREADABLE",
      message: expect.stringContaining("no session of Telethon or Pyrogram"),
    });
    await rm(folder, { recursive: true });
  });

  it.each([
    ["a view", "create view sessions as select 2 as dc_id, randomblob(256) as auth_key"],
    [
      "a computed key",
      "create table sessions (dc_id integer, auth_key blob as (zeroblob(256)));" +
        "insert into sessions (dc_id) values (2)",
    ],
  ])("is refused where an SQLite file has %s in place of the table", async (_what, sql) => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
    const file = join(folder, "crafted.session");
    const database = new DatabaseSync(file);
    database.exec(sql);
    database.close();
    await expect(readForeignSession("telethon", file)).rejects.toMatchObject({
      code: "SESSION_UNREADABLE",
    });
    await rm(folder, { recursive: true });
  });

  it("is refused, unread, where the file is longer than any session", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-import-"));
    const file = join(folder, "long.session");
    await writeFile(file, "");
    await truncate(file, 64 * 1024 * 1024 + 1);
    await expect(readForeignSession("telethon", file)).rejects.toMatchObject({
      code: "SESSION_UNREADABLE",
      message: expect.stringContaining("longer than 64 MiB"),
    });
    await rm(folder, { recursive: true });
  });

  it("is not invented", async () => {
    await expect(readForeignSession("telethon", "1AgAOMTQ5")).rejects.toMatchObject({
      code: "SESSION_UNREADABLE",
    });
  });
});

describe("the key id of a session", () => {
  it.each([
    ["GramJS", gramjs("149.154.167.51")],
    ["Telethon with IPv4", telethon(4)],
    ["Telethon with IPv6", telethon(16)],
    [
      "mtcute",
      writeStringSession({
        version: 3,
        primaryDcs: {
          main: { id: 2, ipAddress: "149.154.167.51", port: 443 },
          media: { id: 2, ipAddress: "149.154.167.51", port: 443 },
        },
        authKey: key,
        self: null,
      }),
    ],
    ["a bare key in hex", key.toString("hex")],
  ])("is read from %s", async (_library, session) => {
    expect(await keyIdOfSession(`${session}\n`)).toBe(id);
  });

  it.each(["", "hello", "1AgAOMTQ5", "deadbeef"])("is not invented for %j", async (text) => {
    await expect(keyIdOfSession(text)).rejects.toMatchObject({ code: "SESSION_UNREADABLE" });
  });
});
