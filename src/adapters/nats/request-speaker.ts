import type { MsgHdrs } from "@nats-io/transport-node";
import { HoldfastError } from "../../errors.ts";

/** Written by the broker into what comes from another of its accounts, over whatever the sender wrote there. */
const header = "Nats-Request-Info";

/**
 * The public key of the one who sent a request, as the broker says; null: it came from within the account of gates
 * and nodes, whose requests the broker does not mark. Throws CALLER_UNNAMED where the mark names no key.
 */
export function speakerKey(headers: MsgHdrs | undefined): string | null {
  const marks = headers?.values(header) ?? [];
  if (marks.length === 0) return null;
  const key = marks.length === 1 ? userIn(marks[0]!) : null;
  if (key !== null) return key;
  throw new HoldfastError({
    code: "CALLER_UNNAMED",
    message:
      "NATS marks the request as another account's and does not say whose; nothing was done.",
    next: "The import of this account must be shared (share: true), and its users must have keys.",
  });
}

function userIn(mark: string): string | null {
  try {
    const { user } = JSON.parse(mark) as { readonly user?: unknown };
    return typeof user === "string" && user !== "" ? user : null;
  } catch {
    return null;
  }
}
