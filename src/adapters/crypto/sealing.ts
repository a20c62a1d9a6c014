import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { HoldfastError } from "../../errors.ts";

/** Encrypts what may not lie in the clear. `purpose` is bound to the text: moved elsewhere, it does not open. */
export interface Sealer {
  seal(plain: Uint8Array, purpose: string): Buffer;
  /** Throws SESSION_BLOB_BROKEN for a wrong master key, a damaged text, or another purpose. */
  open(sealed: Uint8Array, purpose: string): Buffer;
}

const version = 1;
const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM with random 96-bit nonces; the layout is version, nonce, tag, text. `key` has 32 bytes. */
export function createSealer(key: Uint8Array): Sealer {
  return {
    seal(plain, purpose) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(purpose));
      const text = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), text]);
    },
    open(sealed, purpose) {
      try {
        if (sealed[0] !== version) throw new Error(`sealed text of version ${sealed[0] ?? "none"}`);
        const nonce = sealed.subarray(1, 1 + nonceBytes);
        const tag = sealed.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes);
        const decipher = createDecipheriv("aes-256-gcm", key, nonce)
          .setAAD(Buffer.from(purpose))
          .setAuthTag(tag);
        const text = sealed.subarray(1 + nonceBytes + tagBytes);
        return Buffer.concat([decipher.update(text), decipher.final()]);
      } catch (cause) {
        throw new HoldfastError({
          code: "SESSION_BLOB_BROKEN",
          message: `What is stored for ${purpose} does not decrypt: the master key is another one, or the row is damaged.`,
          next: "Set HOLDFAST_MASTER_KEY or HOLDFAST_MASTER_KEY_FILE to the key it was stored with, or log the account in again.",
          cause,
        });
      }
    },
  };
}
