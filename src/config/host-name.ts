import { createHash } from "node:crypto";

/** Letters that a host's key in NATS tells apart, and `.` and `_`, which many machines have. */
const plain = /^[A-Za-z0-9._-]+$/;
const hashDigits = 8;

/**
 * The name of a host that is given none: the machine's own, if its letters are plain. Two others could look alike where
 * only plain letters are kept, so what is left of one gets a mark of its own.
 */
export function hostOfMachine(hostname: string): string {
  if (plain.test(hostname)) return hostname;
  const left = hostname.replaceAll(/[^A-Za-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "");
  const mark = createHash("sha256").update(hostname).digest("hex").slice(0, hashDigits);
  return `${left === "" ? "host" : left.slice(0, 48)}-${mark}`;
}
