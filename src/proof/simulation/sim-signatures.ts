import type { Signatures, Signer } from "../../ports/custody/signatures.ts";

/**
 * Signatures as cheap as a comparison. The secrets are here: who has no signer of an incarnation
 * cannot sign for it.
 */
export interface SimSignatures extends Signatures {
  /** Of a new incarnation; the only one that it ever gets. */
  signerOf(incarnation: string): Signer;
}

export function createSimSignatures(): SimSignatures {
  const secrets = new Map<string, string>();
  return {
    signerOf(incarnation) {
      const secret = `secret ${secrets.size} of ${incarnation}`;
      if (secrets.has(incarnation)) throw new Error(`${incarnation} has a signer already`);
      secrets.set(incarnation, secret);
      return { incarnation, sign: (text) => `${secret}: ${text}` };
    },
    isKey: (incarnation) => secrets.has(incarnation),
    verify(incarnation, text, signature) {
      const secret = secrets.get(incarnation);
      return secret !== undefined && signature === `${secret}: ${text}`;
    },
  };
}
