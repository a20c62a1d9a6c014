import { copyFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import {
  fileBytesMax,
  type ForeignSession,
  keyBytes,
  testAddresses,
  unreadable,
} from "./programs.ts";

/** What SQLite writes beside a file, and has not brought into it yet. */
const sides = ["-wal", "-journal"] as const;

/**
 * The session in an SQLite file of Telethon or Pyrogram. The file is another program's: it is opened without a lock,
 * and nothing is created beside it. Where its program was ended at work, the newest key stands in a file beside it;
 * then both are copied to a folder that this user alone can read, and SQLite puts them together there. Throws
 * SESSION_UNREADABLE.
 */
export async function sessionOfSqlite(file: string): Promise<ForeignSession> {
  const found = await Promise.all(sides.map((side) => sizeOf(`${file}${side}`)));
  const beside = sides.filter((_, n) => (found[n] ?? 0) > 0);
  if (beside.length === 0) return readSqlite(file, "immutable");
  if (found.some((bytes) => (bytes ?? 0) > fileBytesMax)) {
    throw unreadable(`What SQLite keeps beside ${file} is longer than 64 MiB.`);
  }
  const folder = await mkdtemp(join(tmpdir(), "holdfast-session-"));
  try {
    const before = await marks(file);
    const copy = join(folder, "copy.session");
    for (const side of ["", ...beside]) await copyFile(`${file}${side}`, `${copy}${side}`);
    if (before !== (await marks(file))) {
      throw unreadable(`${file} was written while it was read: its program still runs.`);
    }
    return readSqlite(copy, "copied", file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const sizeOf = async (path: string): Promise<number | null> =>
  stat(path).then(
    ({ size }) => size,
    () => null,
  );

/** Changes with each write to the file or to what lies beside it. */
async function marks(file: string): Promise<string> {
  const found = await Promise.all(
    ["", ...sides].map((side) => stat(`${file}${side}`, { bigint: true }).catch(() => null)),
  );
  return found.map((one) => `${one?.size} ${one?.mtimeNs}`).join("\n");
}

/** Both programs keep one row in `sessions`. `named`: the path for messages. */
function readSqlite(file: string, how: "immutable" | "copied", named = file): ForeignSession {
  const url = pathToFileURL(resolve(file));
  if (how === "immutable") url.searchParams.set("immutable", "1");
  let database: DatabaseSync | undefined;
  try {
    database = new (sqlite().DatabaseSync)(url, { readOnly: how === "immutable" });
    requirePlainTable(database);
    const row = database.prepare("select * from sessions limit 1").get() ?? {};
    const { dc_id: dcId, auth_key: key, test_mode: testMode, server_address: address } = row;
    if (typeof dcId === "number" && key instanceof Uint8Array && key.length === keyBytes) {
      const isTest = testMode === 1 || (typeof address === "string" && testAddresses.has(address));
      return { dcId, key, isTest };
    }
    const isEmpty = key === null || key === undefined;
    throw new Error(isEmpty ? "it was never logged in" : "it holds no key of 256 bytes");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(
      `${named} is an SQLite file, but no session of Telethon or Pyrogram: ${why}.`,
      cause,
    );
  } finally {
    database?.close();
  }
}

/** The file is a stranger's: a view or a computed column in place of the table would run what it says. */
function requirePlainTable(database: DatabaseSync): void {
  database.exec("pragma trusted_schema = off");
  const table = database
    .prepare("select type from sqlite_schema where name = 'sessions' limit 2")
    .all();
  const columns = database
    .prepare("select name, hidden from pragma_table_xinfo('sessions') limit 100")
    .all();
  const names = columns.map(({ name }) => name);
  const isPlain =
    table.length === 1 &&
    table[0]?.["type"] === "table" &&
    names.includes("dc_id") &&
    names.includes("auth_key") &&
    columns.every(({ hidden }) => hidden === 0);
  if (!isPlain) throw new Error("it has no plain table of sessions");
}

/** Node's own SQLite, without the warning of Node 22 that it is young: an operator can do nothing about it. */
function sqlite(): typeof import("node:sqlite") {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}
