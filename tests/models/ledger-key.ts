/**
 * The data centre names a key by its 64-bit number, the product by its bytes as they go over the wire: the same
 * hex digits in opposite order of bytes.
 */
export function ledgerKey(keyId: string): string {
  return Buffer.from(keyId, "hex").reverse().toString("hex");
}
