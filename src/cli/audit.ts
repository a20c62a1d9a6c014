import { openDatabase } from "../adapters/postgres/database.ts";
import { readAudit, readAuditHeads } from "../adapters/postgres/audit-trail.ts";
import type { AuditEntry, ChainedEntry } from "../ports/callers/audit-trail.ts";
import { databaseUrlOf } from "./ask.ts";
import { createChainCheck } from "./audit-chain.ts";

/** A call as the record tells it. */
export interface AuditedCall extends Omit<AuditEntry, "phase"> {
  /** The code of its end; `unknown`: its end was not recorded. */
  readonly outcome: string;
}

export interface AuditWanted {
  readonly sinceMs: number;
  readonly account?: string;
  /** A caller's name or public key. */
  readonly by?: string;
  /** Follows the chains as well. */
  readonly verify: boolean;
}

export interface AuditRead {
  /** The earliest first. */
  readonly calls: readonly AuditedCall[];
  /** null: not looked for. */
  readonly breaks: readonly string[] | null;
}

/** Reads the record of commands. Throws NOT_RUNNING, DATABASE_UNAVAILABLE. */
export async function readCalls(
  env: Readonly<Record<string, string | undefined>>,
  wanted: AuditWanted,
): Promise<AuditRead> {
  const database = openDatabase(await databaseUrlOf(env));
  const { sinceMs, verify } = wanted;
  const calls = new Map<string, AuditedCall>();
  const check = createChainCheck();
  try {
    // Before the lines: they may grow meanwhile.
    const heads = verify ? await readAuditHeads(database, sinceMs) : [];
    for await (const page of readAudit(database, { sinceMs, whole: verify })) {
      for (const line of page) {
        const entry = check.next(line);
        if (entry !== null && isWanted(entry, wanted)) take(calls, entry);
      }
    }
    return {
      calls: [...calls.values()].toSorted((a, b) => a.at.localeCompare(b.at)),
      breaks: verify ? check.breaks(heads) : null,
    };
  } finally {
    await database.close();
  }
}

const isWanted = ({ at, account, by }: AuditEntry, wanted: AuditWanted): boolean =>
  Date.parse(at) >= wanted.sinceMs &&
  (wanted.account === undefined || account === wanted.account) &&
  (wanted.by === undefined || by.name === wanted.by || by.key === wanted.by);

function take(calls: Map<string, AuditedCall>, entry: ChainedEntry): void {
  const { phase, previous: _previous, ...rest } = entry;
  const begun = calls.get(entry.call);
  if (phase !== "ended") calls.set(entry.call, { ...rest, outcome: entry.outcome ?? "unknown" });
  else if (begun !== undefined) {
    calls.set(entry.call, { ...begun, outcome: entry.outcome ?? "unknown" });
  }
}

/** A line for each call, then what is broken, then the sum. */
export function auditText({ calls, breaks }: AuditRead): string {
  return [
    ...calls.map(({ at, by, host, verb, account, params, outcome }) =>
      [
        at,
        `${by.name} (${by.role ?? "no role"})`.padEnd(20),
        verb.padEnd(20),
        (account ?? "–").padEnd(12),
        outcome.padEnd(12),
        host,
        JSON.stringify(params ?? {}),
      ].join("  "),
    ),
    ...(breaks ?? []).map((what) => `broken: ${what}`),
    breaks === null
      ? `${calls.length} calls`
      : `${calls.length} calls, ${breaks.length} broken links`,
  ].join("\n");
}
