import { createHash } from "node:crypto";
import { readStringSession } from "@mtcute/core/utils.js";
import { HoldfastError } from "../errors.ts";

const authKeyBytes = 256;
/** Version, data centre, IPv4 or IPv6 address, port, key. */
const telethonLengths: ReadonlySet<number> = new Set([1 + 4 + 2 + 256, 1 + 16 + 2 + 256]);

/** The id of an auth key as the wire shows it: the last 8 bytes of its SHA-1, 16 hex digits. */
const keyIdOf = (authKey: Uint8Array): string =>
  createHash("sha1").update(authKey).digest().subarray(-8).toString("hex");

/**
 * The key id of a session string as mtcute, GramJS and Telethon write them, or of a key given as 512 hex digits.
 * Throws SESSION_UNREADABLE.
 */
export function keyIdOfSession(text: string): string {
  const session = text.trim();
  if (/^[0-9a-f]{512}$/i.test(session)) return keyIdOf(Buffer.from(session, "hex"));
  const key = gramjsOrTelethonKey(session) ?? mtcuteKey(session);
  if (key !== null) return keyIdOf(key);
  throw new HoldfastError({
    code: "SESSION_UNREADABLE",
    message: "This is no session string of mtcute, GramJS or Telethon.",
    next: "Give the string itself, a file that holds it, or the key's id with --key-id.",
  });
}

/** Both begin with "1"; GramJS writes the address as text with its length before it. */
function gramjsOrTelethonKey(session: string): Uint8Array | null {
  if (!session.startsWith("1")) return null;
  const bytes = Buffer.from(session.slice(1), "base64url");
  const isTelethon = telethonLengths.has(bytes.length);
  const addressBytes = bytes.length > 3 ? bytes.readInt16BE(1) : -1;
  const isGramjs = bytes.length === 1 + 2 + addressBytes + 2 + authKeyBytes;
  return isTelethon || isGramjs ? bytes.subarray(-authKeyBytes) : null;
}

function mtcuteKey(session: string): Uint8Array | null {
  try {
    const { authKey } = readStringSession(session);
    return authKey.length === authKeyBytes ? authKey : null;
  } catch {
    return null;
  }
}
