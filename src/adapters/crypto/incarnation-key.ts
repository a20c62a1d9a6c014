import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import type { Signatures, Signer } from "../../ports/custody/signatures.ts";

/** A public key of Ed25519 is 32 bytes: 43 letters of base64url. A UUID, the name of earlier versions, is no key. */
const keyForm = /^[A-Za-z0-9_-]{43}$/;
const keysMax = 1000;

/** A new key pair of Ed25519 (RFC 8032). Its public half, in base64url, names the incarnation. */
export function createIncarnationKey(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { x } = publicKey.export({ format: "jwk" });
  return {
    incarnation: String(x),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString("base64url"),
  };
}

/** Checks signatures of incarnations. Keeps the last thousand keys read. */
export function createSignatures(): Signatures {
  const keys = new Map<string, KeyObject | null>();

  function keyOf(incarnation: string): KeyObject | null {
    const known = keys.get(incarnation);
    if (known !== undefined) return known;
    const key = keyForm.test(incarnation) ? readKey(incarnation) : null;
    for (const oldest of keys.keys()) {
      if (keys.size < keysMax) break;
      keys.delete(oldest);
    }
    keys.set(incarnation, key);
    return key;
  }

  return {
    isKey: (incarnation) => keyForm.test(incarnation),
    verify(incarnation, text, signature) {
      const key = keyOf(incarnation);
      if (key === null || typeof signature !== "string") return false;
      return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64url"));
    },
  };
}

function readKey(x: string): KeyObject | null {
  try {
    return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  } catch {
    return null;
  }
}
