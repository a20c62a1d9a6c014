import { hash } from "node:crypto";

/** SHA-1 of the parts, one after the other. */
export function sha1(...parts: readonly Uint8Array[]): Buffer {
  return hash("sha1", join(parts), "buffer");
}

/** SHA-256 of the parts, one after the other. */
export function sha256(...parts: readonly Uint8Array[]): Buffer {
  return hash("sha256", join(parts), "buffer");
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}
