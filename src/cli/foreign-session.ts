import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import {
  convertFromGramjsSession,
  convertFromPyrogramSession,
  convertFromTelethonSession,
} from "@mtcute/convert";
import { readStringSession } from "@mtcute/core/utils.js";
import { HoldfastError } from "../errors.ts";

/** Programs whose sessions can be read. */
export const foreignPrograms = ["telethon", "pyrogram", "gramjs", "mtcute"] as const;
export type ForeignProgram = (typeof foreignPrograms)[number];

export interface ForeignSession {
  readonly dcId: number;
  /** 256 bytes. */
  readonly key: Uint8Array;
}

const keyBytes = 256;
/** More than the caches of any of the programs. */
const fileBytesMax = 64 * 1024 * 1024;
const sqliteHead = "SQLite format 3\0";

/** Version, data centre, IPv4 or IPv6 address, port, key. */
const telethonLengths: ReadonlySet<number> = new Set([263, 275]);
/** As Pyrogram has written them since its version 2, and before. */
const pyrogramLengths: ReadonlySet<number> = new Set([271, 267, 263]);

/** The converters take any text; a text that cannot be theirs is told apart by its length. */
const converters: Readonly<Record<ForeignProgram, (text: string) => ForeignSession | null>> = {
  telethon(text) {
    if (!isVersion1(text) || !telethonLengths.has(bytesIn(text.slice(1)))) return null;
    return fromString(convertFromTelethonSession(`1${padded(text.slice(1))}`));
  },
  gramjs: (text) => (isVersion1(text) ? fromString(convertFromGramjsSession(text)) : null),
  mtcute: (text) => fromString(readStringSession(text)),
  pyrogram: (text) =>
    pyrogramLengths.has(bytesIn(text)) ? fromString(convertFromPyrogramSession(text)) : null,
};

const isVersion1 = (text: string): boolean => text.startsWith("1");
const bytesIn = (base64: string): number => Buffer.from(base64, "base64url").length;
/** Telethon's own strings are padded, and told apart by that length. */
const padded = (base64: string): string => base64.padEnd(Math.ceil(base64.length / 4) * 4, "=");

function fromString(session: {
  readonly authKey: Uint8Array;
  readonly primaryDcs: { readonly main: { readonly id: number } };
}): ForeignSession {
  return { dcId: session.primaryDcs.main.id, key: session.authKey };
}

/** The id of an auth key as the wire shows it: the last 8 bytes of its SHA-1, 16 hex digits. */
const keyIdOf = (key: Uint8Array): string =>
  createHash("sha1").update(key).digest().subarray(-8).toString("hex");

/**
 * A session string of that program, or a file that holds one, or a session file of Telethon or Pyrogram as SQLite.
 * Throws SESSION_UNREADABLE.
 */
export async function readForeignSession(
  program: ForeignProgram,
  given: string,
): Promise<ForeignSession> {
  const file = await readBounded(given);
  if (file?.toString("latin1", 0, sqliteHead.length) === sqliteHead) return readSqlite(given);
  const session = converted(program, file?.toString("utf8") ?? given);
  if (session !== null) return session;
  throw unreadable(`This is no session of ${program}.`);
}

/** Null when there is no such file. Throws SESSION_UNREADABLE for one that is no session by its size. */
async function readBounded(path: string): Promise<Buffer | null> {
  const found = await stat(path).catch(() => null);
  if (found === null) return null;
  if (!found.isFile() || found.size > fileBytesMax)
    throw unreadable(`${path} is no session file: it is no file, or longer than 64 MiB.`);
  return readFile(path).catch(() => null);
}

function converted(program: ForeignProgram, text: string): ForeignSession | null {
  try {
    const session = converters[program](text.trim());
    return session?.key.length === keyBytes ? session : null;
  } catch {
    return null;
  }
}

/** Both programs keep one row in `sessions`. */
function readSqlite(file: string): ForeignSession {
  // The file is another program's: take no lock, replay no log, create nothing beside it.
  const url = pathToFileURL(resolve(file));
  url.searchParams.set("immutable", "1");
  let database: DatabaseSync | undefined;
  try {
    database = new (sqlite().DatabaseSync)(url, { readOnly: true });
    requirePlainTable(database);
    const row = database.prepare("select dc_id, auth_key from sessions limit 1").get();
    const { dc_id: dcId, auth_key: key } = row ?? {};
    if (typeof dcId === "number" && key instanceof Uint8Array && key.length === keyBytes) {
      return { dcId, key };
    }
    throw new Error("it holds no key");
  } catch (cause) {
    throw unreadable(`${file} is an SQLite file, but no session of Telethon or Pyrogram.`, cause);
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
    .prepare(
      "select hidden from pragma_table_xinfo('sessions') where name in ('dc_id', 'auth_key') limit 3",
    )
    .all();
  const isPlain =
    table.length === 1 &&
    table[0]?.["type"] === "table" &&
    columns.length === 2 &&
    columns.every(({ hidden }) => hidden === 0);
  if (!isPlain) throw new Error("sessions is no plain table");
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

/**
 * The key id of a session string or file of any of the programs, or of a key in 512 hex digits. Throws
 * SESSION_UNREADABLE.
 */
export async function keyIdOfSession(given: string): Promise<string> {
  const text = given.trim();
  const bare = (await readFile(text, "latin1").catch(() => text)).trim();
  if (/^[0-9a-f]{512}$/i.test(bare)) return keyIdOf(Buffer.from(bare, "hex"));
  // Pyrogram's have no mark of their own.
  for (const program of ["telethon", "gramjs", "mtcute", "pyrogram"] as const) {
    const session = await readForeignSession(program, text).catch(() => null);
    if (session !== null) return keyIdOf(session.key);
  }
  throw unreadable(`This is no session of ${foreignPrograms.join(", ")}.`);
}

function unreadable(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: "SESSION_UNREADABLE",
    message,
    next: "Give a file that holds the string, the string on standard input, or the session file of Telethon or Pyrogram.",
    ...(cause === undefined ? {} : { cause }),
  });
}
