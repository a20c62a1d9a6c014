import { createHash } from "node:crypto";
import type { AuditHead, AuditLine, ChainedEntry } from "../ports/callers/audit-trail.ts";

const digestOf = (line: string): string => createHash("sha256").update(line).digest("hex");

/** A chain that is read line by line. */
export interface ChainCheck {
  /** The next line, in the order of chain and number; answers its entry, null for a line that is no JSON. */
  next(line: AuditLine): ChainedEntry | null;
  /** Lines that are missing or changed, once all lines were seen. `heads`: how far each chain had come. */
  breaks(heads: readonly AuditHead[]): readonly string[];
}

/** Follows chains from their first lines on. */
export function createChainCheck(): ChainCheck {
  const found: string[] = [];
  /** Of each chain: the last line that was seen, and the digests by number that a head may name. */
  const last = new Map<string, { readonly seq: number; readonly digest: string }>();

  return {
    next({ chain, seq, line }) {
      const before = last.get(chain) ?? { seq: 0, digest: "" };
      const where = `audit ${chain}, line ${seq}`;
      const entry = parsed(line);
      if (seq !== before.seq + 1) found.push(`${where}: line ${before.seq + 1} is missing`);
      else if (entry?.previous !== before.digest) {
        found.push(`${where}: it does not follow from the line before`);
      }
      last.set(chain, { seq, digest: digestOf(line) });
      return entry;
    },
    breaks(heads) {
      const cut = heads.flatMap(({ chain, host, seq, digest }) => {
        const end = last.get(chain) ?? { seq: 0, digest: "" };
        const where = `audit ${chain} of ${host}, line ${seq}`;
        if (end.seq < seq) return [`${where}: it was stored once and is not there`];
        // A line that was added since the heads were read is no break.
        return end.seq === seq && end.digest !== digest
          ? [`${where}: it is not the one that was stored`]
          : [];
      });
      return [...found, ...cut];
    },
  };
}

function parsed(line: string): ChainedEntry | null {
  try {
    return JSON.parse(line) as ChainedEntry;
  } catch {
    return null;
  }
}
