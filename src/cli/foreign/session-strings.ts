import {
  convertFromGramjsSession,
  convertFromTelethonSession,
  parseMtkrutoSession,
} from "@mtcute/convert";
import { readStringSession, TlBinaryReader } from "@mtcute/core/utils.js";
import { type ForeignProgram, type ForeignSession, keyBytes, testAddresses } from "./programs.ts";

type StringProgram = Exclude<ForeignProgram, "tdata">;

/** Version, data centre, IPv4 or IPv6 address, port, key. */
const telethonLengths: ReadonlySet<number> = new Set([263, 275]);
/** Where the key begins in Pyrogram's strings: since version 2, with longer user ids, and before. */
const pyrogramKeys: Readonly<Record<number, number>> = { 271: 6, 267: 2, 263: 2 };

/** The converters take any text; a text that cannot be theirs is told apart by its form. */
const readers: Readonly<Record<StringProgram, (text: string) => ForeignSession | null>> = {
  telethon(text) {
    if (!isVersion1(text) || !telethonLengths.has(bytesIn(text.slice(1)).length)) return null;
    // One with an address of 14 letters is as long as one with IPv6.
    if (isGramjs(text)) return null;
    return ofDc(convertFromTelethonSession(`1${padded(text.slice(1))}`));
  },
  gramjs(text) {
    if (!isGramjs(text)) return null;
    const standard = text.slice(1).replaceAll("-", "+").replaceAll("_", "/");
    return ofDc(convertFromGramjsSession(`1${padded(standard)}`));
  },
  mtcute(text) {
    const [version = 0] = bytesIn(text);
    return version === 3 ? ofDc(readStringSession(text)) : ofOldMtcute(bytesIn(text));
  },
  mtkruto: (text) => {
    const { dcId, authKey: key, isTest } = parseMtkrutoSession(text);
    return { dcId, key, isTest };
  },
  pyrogram(text) {
    if (text.startsWith("{")) return ofPyrogramJson(text);
    const bytes = bytesIn(text);
    const keyAt = pyrogramKeys[bytes.length];
    const [isTest, isBot] = [keyAt === undefined ? undefined : bytes[keyAt - 1], bytes.at(-1)];
    if (keyAt === undefined || !isFlag(isTest) || !isFlag(isBot)) return null;
    return {
      dcId: bytes[0] ?? 0,
      key: bytes.subarray(keyAt, keyAt + keyBytes),
      isTest: isTest === 1,
    };
  },
};

const isFlag = (byte: number | undefined): boolean => byte === 0 || byte === 1;
const isVersion1 = (text: string): boolean => text.startsWith("1");
const bytesIn = (base64: string): Buffer => Buffer.from(base64, "base64url");
/** Version, data centre, the length of an address, the address as text, port, key. */
function isGramjs(text: string): boolean {
  const bytes = bytesIn(text.slice(1));
  if (!isVersion1(text) || bytes.length < 3) return false;
  const addressBytes = bytes.readUInt16BE(1);
  const address = bytes.toString("latin1", 3, 3 + addressBytes);
  return bytes.length === 3 + addressBytes + 2 + keyBytes && /^[\w.:-]+$/.test(address);
}

/** Some programs' own strings are padded, and told apart by that length. */
const padded = (base64: string): string => {
  const bare = base64.replace(/=+$/, "");
  return bare.padEnd(Math.ceil(bare.length / 4) * 4, "=");
};

function ofDc(session: {
  readonly authKey: Uint8Array;
  readonly primaryDcs: {
    readonly main: { readonly id: number; readonly ipAddress: string; readonly testMode?: boolean };
  };
}): ForeignSession {
  const { id: dcId, ipAddress, testMode } = session.primaryDcs.main;
  const isTest = testMode === true || testAddresses.has(ipAddress);
  return { dcId, key: session.authKey, isTest };
}

/** dcOption of Telegram's schema, as mtcute kept it in its versions 1 and 2. */
const dcOptionId = 0x18_b7_a1_0d;

/** mtcute's strings before version 3 of their form: flags, one or two data centres, the user, the key. */
function ofOldMtcute(bytes: Buffer): ForeignSession | null {
  const [version = 0] = bytes;
  if (version !== 1 && version !== 2) return null;
  const reader = TlBinaryReader.manual(bytes, 1);
  const flags = reader.int();
  const main = oldDc(reader);
  if (version === 2 && (flags & 4) !== 0) oldDc(reader);
  if ((flags & 1) !== 0) {
    reader.long();
    reader.boolean();
  }
  return { dcId: main, key: reader.bytes(), isTest: (flags & 2) !== 0 };
}

function oldDc(reader: TlBinaryReader): number {
  if (reader.uint() !== dcOptionId) throw new Error("no data centre stands there");
  const flags = reader.int();
  const id = reader.int();
  reader.string();
  reader.int();
  if ((flags & 0x4_00) !== 0) reader.bytes();
  return id;
}

/** As Pyrogram kept its sessions before version 1. */
function ofPyrogramJson(text: string): ForeignSession | null {
  const value: unknown = JSON.parse(text);
  const { dc_id: dcId, auth_key: given, test_mode: isTest } = Object(value) as PyrogramJson;
  const parts = Array.isArray(given) ? given : [given];
  if (typeof dcId !== "number" || !parts.every((part) => typeof part === "string")) return null;
  return { dcId, key: Buffer.from(parts.join(""), "base64"), isTest: isTest === true };
}

interface PyrogramJson {
  readonly dc_id?: unknown;
  readonly auth_key?: unknown;
  readonly test_mode?: unknown;
}

/** The session of a string of that program; null where it is none. */
export function sessionOfString(program: StringProgram, text: string): ForeignSession | null {
  try {
    const session = readers[program](text);
    const isWhole = session?.key.length === keyBytes;
    return isWhole && Number.isInteger(session.dcId) && session.dcId > 0 && session.dcId < 1000
      ? session
      : null;
  } catch {
    return null;
  }
}

/** By the certainty with which their strings are told apart. */
const inOrder: readonly StringProgram[] = ["telethon", "gramjs", "mtcute", "mtkruto", "pyrogram"];

/** The first program whose string it is. */
export function programOfString(
  text: string,
): { readonly program: StringProgram; readonly session: ForeignSession } | null {
  for (const program of inOrder) {
    const session = sessionOfString(program, text);
    if (session !== null) return { program, session };
  }
  return null;
}
