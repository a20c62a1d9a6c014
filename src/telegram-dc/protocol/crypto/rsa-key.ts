import { type KeyObject, constants, createPublicKey, privateDecrypt } from "node:crypto";
import { TlWriter } from "../tl/tl-writer.ts";
import { sha1, sha256 } from "./hash.ts";
import { igeDecrypt } from "./ige.ts";

/** The data centre's RSA key as the key exchange needs it. */
export interface ServerRsaKey {
  /** Low 64 bits of SHA-1 of the TL-encoded public key. */
  readonly fingerprint: bigint;
  /** PKCS#1 PEM, the form in which client libraries keep Telegram's keys. */
  readonly publicKeyPem: string;
  /** Undoes RSA_PAD; undefined when the inner hash is wrong. */
  openPadded(encrypted: Uint8Array): Buffer | undefined;
}

const paddedBytes = 192;
const temporaryKeyBytes = 32;
const rsaBytes = 256;

/**
 * Wraps a 2048-bit private key. RSA_PAD:
 * core.telegram.org/mtproto/auth_key#41-rsa-paddata-server-public-key-mentioned-above-is-implemented-as-follows
 */
export function createServerRsaKey(privateKey: KeyObject): ServerRsaKey {
  const publicKey = createPublicKey(privateKey);
  const { n = "", e = "" } = publicKey.export({ format: "jwk" });
  const encoded = new TlWriter()
    .bytes(Buffer.from(n, "base64url"))
    .bytes(Buffer.from(e, "base64url"))
    .finish();
  return {
    fingerprint: sha1(encoded).readBigInt64LE(12),
    publicKeyPem: publicKey.export({ format: "pem", type: "pkcs1" }).toString(),
    openPadded(encrypted) {
      if (encrypted.length !== rsaBytes) return undefined;
      let opened: Buffer;
      try {
        opened = privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encrypted);
      } catch {
        // The number is not below the modulus; the exchange treats it as one more wrong hash.
        return undefined;
      }
      return unpad(opened);
    },
  };
}

function unpad(opened: Buffer): Buffer | undefined {
  const sealed = opened.subarray(temporaryKeyBytes);
  const mask = sha256(sealed);
  const key = Buffer.from(opened.subarray(0, temporaryKeyBytes));
  for (let index = 0; index < key.length; index++)
    key[index] = (key[index] ?? 0) ^ (mask[index] ?? 0);
  const withHash = igeDecrypt({ key, iv: Buffer.alloc(32) }, sealed);
  const data = Buffer.from(withHash.subarray(0, paddedBytes).toReversed());
  return sha256(key, data).equals(withHash.subarray(paddedBytes)) ? data : undefined;
}
