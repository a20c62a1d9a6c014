import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { HoldfastError } from "../../errors.ts";
import type { KeyRing } from "./key-ring.ts";

/** Encrypts text for storage. `purpose` is bound to the text: elsewhere it does not open. */
export interface Sealer {
  readonly ring: KeyRing;
  seal(plain: Uint8Array, purpose: string): Buffer;
  /**
   * Throws MASTER_KEY_WRONG for a text under a key outside the ring, and SESSION_BLOB_BROKEN for a
   * damaged text or another purpose.
   */
  open(sealed: Uint8Array, purpose: string): Buffer;
}

const version = 2;
const fingerprintBytes = 8;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + fingerprintBytes + nonceBytes + tagBytes;

/** AES-256-GCM with random 96-bit nonces; the layout is version, fingerprint of the key, nonce, tag, text. */
export function createSealer(ring: KeyRing): Sealer {
  return {
    ring,
    seal(plain, purpose) {
      const { fingerprint, key } = ring.sealing;
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(purpose));
      const text = Buffer.concat([cipher.update(plain), cipher.final()]);
      const mark = Buffer.from(fingerprint, "hex");
      return Buffer.concat([Buffer.of(version), mark, nonce, cipher.getAuthTag(), text]);
    },
    open(sealed, purpose) {
      const bytes = Buffer.from(sealed);
      if (bytes[0] !== version || bytes.length < headBytes) throw broken(purpose);
      const fingerprint = bytes.toString("hex", 1, 1 + fingerprintBytes);
      const key = ring.find(fingerprint);
      if (key === null) throw wrongMasterKey([fingerprint], ring);
      try {
        const [nonceAt, tagAt] = [1 + fingerprintBytes, headBytes - tagBytes];
        const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(nonceAt, tagAt))
          .setAAD(Buffer.from(purpose))
          .setAuthTag(bytes.subarray(tagAt, headBytes));
        return Buffer.concat([decipher.update(bytes.subarray(headBytes)), decipher.final()]);
      } catch (cause) {
        throw broken(purpose, cause);
      }
    },
  };
}

/** The database holds text that this process cannot read; the sessions themselves are intact. */
export function wrongMasterKey(needed: readonly string[], ring: KeyRing): HoldfastError {
  return new HoldfastError({
    code: "MASTER_KEY_WRONG",
    message: `The database was encrypted under master key ${needed.join(", ")}; this process has ${ring.fingerprints.join(", ")}.`,
    next: "Set HOLDFAST_MASTER_KEY or HOLDFAST_MASTER_KEY_FILE to the key that it was encrypted with; nothing was changed.",
  });
}

function broken(purpose: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: "SESSION_BLOB_BROKEN",
    message: `What is stored for ${purpose} does not decrypt: the row is damaged, or belongs to another account.`,
    next: "Restore the database from a backup, or log the account in again.",
    ...(cause === undefined ? {} : { cause }),
  });
}
