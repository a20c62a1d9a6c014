import type { Role } from "../speaker.ts";

/** One line of the record of commands: a call that begins, one that has ended, or a refusal. */
export interface AuditEntry {
  /** ISO 8601, by the clock of the node that answers. */
  readonly at: string;
  /** One id for the beginning and the end of a call. */
  readonly call: string;
  readonly phase: "asked" | "ended" | "refused";
  readonly by: { readonly name: string; readonly role: Role | null; readonly key: string };
  readonly host: string;
  /** `account.renew`, `fleet.who`, `nodes.keys` */
  readonly verb: string;
  readonly account: string | null;
  /** Without secrets; long texts as length and mark. Of a beginning or a refusal. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** `done`, or the code of the refusal or the failure. */
  readonly outcome?: string;
}

/**
 * The record of commands. Hides SQL, batches and hashes. What it has taken cannot be changed without a trace.
 */
export interface AuditTrail {
  /** Resolves once it is stored. Rejects with AUDIT_UNAVAILABLE (retryable): it is not known to be stored. */
  write(entry: AuditEntry): Promise<void>;
}

/** A line as it is stored. */
export interface AuditLine {
  readonly chain: string;
  readonly seq: number;
  /** JSON of a `ChainedEntry`. */
  readonly line: string;
}

/** An entry with the sha256, in hex, of the line before; empty in the first. */
export interface ChainedEntry extends AuditEntry {
  readonly previous: string;
}

/** The last line that a chain has stored. */
export interface AuditHead {
  readonly chain: string;
  readonly host: string;
  readonly seq: number;
  readonly digest: string;
}
