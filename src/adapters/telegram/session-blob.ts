import { createHash } from "node:crypto";
import { HoldfastError } from "../../errors.ts";

interface SessionForm {
  readonly version: 1;
  readonly dcId: number;
  /** The 256 bytes of the authorisation key, base64. */
  readonly key: string;
}

export const keyBytes = 256;

/** The data centre of a fleet that is told no other; mtcute's and GramJS's own addresses are of it. */
export const defaultDcId = 2;

/**
 * 16 hex digits: the low 64 bits of the key's sha1, as its 8 bytes stand at the beginning of every encrypted frame
 * (https://core.telegram.org/mtproto/description#defining-authorization-key-identifier).
 */
export function keyIdOf(key: Uint8Array): string {
  return createHash("sha1").update(key).digest().toString("hex", 12);
}

export function writeSession(dcId: number, key: Uint8Array): Uint8Array {
  const form: SessionForm = { version: 1, dcId, key: Buffer.from(key).toString("base64") };
  return Buffer.from(JSON.stringify(form));
}

function isSessionForm(value: unknown): value is SessionForm {
  return (
    typeof value === "object" &&
    value !== null &&
    "version" in value &&
    value.version === 1 &&
    "dcId" in value &&
    Number.isInteger(value.dcId) &&
    "key" in value &&
    typeof value.key === "string"
  );
}

/** Throws SESSION_BLOB_BROKEN for anything that `writeSession` did not write. */
export function readSession(bytes: Uint8Array): { readonly dcId: number; readonly key: Buffer } {
  try {
    const form: unknown = JSON.parse(Buffer.from(bytes).toString());
    const key = isSessionForm(form) ? Buffer.from(form.key, "base64") : null;
    if (!isSessionForm(form) || key?.length !== keyBytes) {
      throw new Error("not a session of version 1");
    }
    return { dcId: form.dcId, key };
  } catch (cause) {
    throw new HoldfastError({
      code: "SESSION_BLOB_BROKEN",
      message: "The stored session is not one that this version of Holdfast wrote.",
      next: "Log the account in again with: npx holdfast login <account>",
      cause,
    });
  }
}

/** Throws SESSION_OF_OTHER_DC: a key works in the data centre that made it, and this process connects to one. */
export function refuseOtherHome(homeId: number, known: { readonly dcId: number } | null): void {
  if (known === null || known.dcId === homeId) return;
  throw new HoldfastError({
    code: "SESSION_OF_OTHER_DC",
    message: `The stored session belongs to data centre ${known.dcId}; this node connects to ${homeId}.`,
    next: "A fleet holds accounts of one data centre. If HOLDFAST_TELEGRAM_DC was changed, set it back; otherwise hold this account in another fleet, whose HOLDFAST_TELEGRAM_DC names its centre.",
  });
}

/** The stored form of a key that another program made. Throws KEY_MALFORMED. */
export function sessionOfKey(
  dcId: number,
  key: Uint8Array,
): { readonly keyId: string; readonly bytes: Uint8Array } {
  if (Number.isInteger(dcId) && dcId > 0 && key.length === keyBytes) {
    return { keyId: keyIdOf(key), bytes: writeSession(dcId, key) };
  }
  throw new HoldfastError({
    code: "KEY_MALFORMED",
    message: `A key has ${keyBytes} bytes and a data centre, this one ${key.length}; nothing was imported.`,
    next: "Import the session with: npx holdfast import <account> --from telethon",
  });
}
