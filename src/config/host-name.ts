import { Buffer } from "node:buffer";

/** Letters that a host's key in NATS tells apart, and `.` and `_`, which many machines have. */
const plain = /^[A-Za-z0-9._-]+$/;

/** FNV-1a of 32 bits, as 8 digits: no secret hangs on it. */
function markOf(name: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/**
 * The name of a host that is given none: the machine's own, if its letters are plain. Two others could look alike where
 * only plain letters are kept, so what is left of one gets a mark of its own.
 */
export function hostOfMachine(hostname: string): string {
  if (plain.test(hostname)) return hostname;
  const left = hostname.replaceAll(/[^A-Za-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "");
  return `${left === "" ? "host" : left.slice(0, 48)}-${markOf(hostname)}`;
}
