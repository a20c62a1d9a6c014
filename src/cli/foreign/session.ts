import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { HoldfastError } from "../../errors.ts";
import {
  fileBytesMax,
  type ForeignProgram,
  foreignPrograms,
  type ForeignSession,
  unreadable,
} from "./programs.ts";
import { sessionOfSqlite } from "./session-sqlite.ts";
import { programOfString, sessionOfString } from "./session-strings.ts";
import { sessionOfTdata, tdataIn } from "./session-tdata.ts";
import { sessionIn, textOf, whyNoString } from "./session-text.ts";

const sqliteHead = "SQLite format 3\0";
/** A path is shorter, and a session longer. */
const pathCharactersMax = 250;

/** The id of an auth key as the wire shows it: the last 8 bytes of its SHA-1, 16 hex digits. */
const keyIdOf = (key: Uint8Array): string =>
  createHash("sha1").update(key).digest().subarray(-8).toString("hex");

/**
 * A session string of that program, a file that holds one, a session file of Telethon or Pyrogram as SQLite, or the
 * folder tdata. Throws SESSION_UNREADABLE with the reason, SESSION_OF_TEST_SERVERS.
 */
export async function readForeignSession(
  program: ForeignProgram,
  given: string,
): Promise<ForeignSession> {
  const session = await read(program, given);
  if (!session.isTest) return session;
  throw new HoldfastError({
    code: "SESSION_OF_TEST_SERVERS",
    message: "This session is one of Telegram's test servers, whose keys the others do not know.",
    next: "Log the account in with: npx holdfast add <account> --kind user, then npx holdfast auth <account>",
  });
}

/** Whether a text is a whole session string of any of the programs. */
export const isSession = (text: string): boolean => programOfString(cleaned(text)) !== null;

/** Old sessions are JSON, which is read as it stands. */
const cleaned = (text: string): string =>
  text.trim().startsWith("{") ? text.trim() : sessionIn(text);

async function read(program: ForeignProgram, given: string): Promise<ForeignSession> {
  const place = await whereIs(given);
  if (place.kind === "sqlite") return sessionOfSqlite(given);
  if (place.kind === "tdata") return sessionOfTdata(place.path);
  const text = cleaned(place.text);
  const session = program === "tdata" ? null : sessionOfString(program, text);
  if (session !== null) return session;
  const other = programOfString(text);
  if (other !== null) {
    throw unreadable(
      `This is no session of ${program}, but one of ${other.program}: say --from ${other.program}.`,
    );
  }
  throw unreadable(`This is no session of ${program}: ${whyNoString(text)}.`);
}

type Place =
  | { readonly kind: "sqlite" }
  | { readonly kind: "tdata"; readonly path: string }
  | { readonly kind: "text"; readonly text: string };

/** What is named, or given as a text. Throws SESSION_UNREADABLE for what can hold no session. */
async function whereIs(given: string): Promise<Place> {
  const found = given.trim() === "" ? null : await stat(given).catch(() => null);
  if (found === null) {
    const isPath = given.length < pathCharactersMax && /[./\\~]/.test(given);
    if (isPath) throw unreadable(`There is no file ${given}.`);
    return { kind: "text", text: given };
  }
  if (found.isDirectory()) {
    const path = await tdataIn(given);
    if (path !== null) return { kind: "tdata", path };
    throw unreadable(
      `${given} is a folder, and not tdata of Telegram Desktop; name the file in it.`,
    );
  }
  if (!found.isFile() || found.size > fileBytesMax)
    throw unreadable(`${given} is no session file: it is no file, or longer than 64 MiB.`);
  const bytes = await readFile(given).catch((cause: unknown) => {
    const { code = "" } = Object(cause) as { readonly code?: string };
    throw unreadable(`${given} cannot be read (${code}).`, cause);
  });
  if (bytes.toString("latin1", 0, sqliteHead.length) === sqliteHead) return { kind: "sqlite" };
  // A program that was killed at its first write leaves an empty file, and all of it beside.
  if (bytes.length === 0 && (await stat(`${given}-wal`).catch(() => null)) !== null)
    return { kind: "sqlite" };
  if (bytes.length === 0) throw unreadable(`${given} is empty.`);
  const text = textOf(bytes);
  if (text !== null) return { kind: "text", text };
  throw unreadable(`${given} holds neither text in UTF-8 or UTF-16 nor an SQLite file.`);
}

/**
 * The key id of a session string or file of any of the programs, or of a key in 512 hex digits. Throws
 * SESSION_UNREADABLE.
 */
export async function keyIdOfSession(given: string): Promise<string> {
  const trimmed = given.trim();
  const place = await whereIs(trimmed);
  if (place.kind === "sqlite") return keyIdOf((await sessionOfSqlite(trimmed)).key);
  if (place.kind === "tdata") return keyIdOf((await sessionOfTdata(place.path)).key);
  const text = cleaned(place.text);
  if (/^[0-9a-f]{512}$/i.test(text)) return keyIdOf(Buffer.from(text, "hex"));
  const found = programOfString(text);
  if (found !== null) return keyIdOf(found.session.key);
  throw unreadable(`This is no session of ${foreignPrograms.join(", ")}: ${whyNoString(text)}.`);
}
