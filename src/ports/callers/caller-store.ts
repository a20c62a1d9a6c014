import type { Role, Speaker } from "../speaker.ts";

/** A role that a caller can be given; the operator's key alone is `owner`. */
export type CallerRole = Exclude<Role, "owner">;

/** A caller with its right, as a list shows it. Times are ISO 8601. */
export interface CallerRecord extends Speaker {
  readonly role: CallerRole;
  readonly addedAt: string;
  /** null: never. */
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
}

/** The callers of the fleet. Hides SQL. Errors: DATABASE_UNAVAILABLE (retryable, unknown outcome). */
export interface CallerStore {
  /** The one whose key that is, revoked or expired as it may be; null: none. */
  find(key: string): Promise<CallerRecord | null>;
  /**
   * `taken`: the name belongs to another key, or the key is known. Nothing was changed then.
   * @param expiresAt ISO 8601; null: never
   */
  add(
    caller: Speaker & { readonly role: CallerRole; readonly expiresAt: string | null },
  ): Promise<"added" | "taken">;
  /** The newest first; revoked ones too. */
  list(): Promise<readonly CallerRecord[]>;
  /** The one that had this name until now; null: none has it. */
  revoke(name: string): Promise<CallerRecord | null>;
}
