import type { CallerRecord, CallerRole, CallerStore } from "../../ports/callers/caller-store.ts";
import { brokenUniqueConstraint, type Database } from "./database.ts";

interface CallerRow {
  readonly key: string;
  readonly name: string;
  readonly role: CallerRole;
  readonly accounts: string[] | null;
  readonly added_at: Date;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
}

const columns = "key, name, role, accounts, added_at, expires_at, revoked_at";

/** Callers in Postgres. */
export function createCallerStore(database: Database): CallerStore {
  const rows = (text: string, values: readonly unknown[] = []) =>
    database.query<CallerRow & Record<string, unknown>>(text, values);
  return {
    async find(key) {
      const [row] = await rows(`select ${columns} from callers where key = $1`, [key]);
      return row === undefined ? null : toRecord(row);
    },
    async add({ key, name, role, accounts, expiresAt }) {
      const values = [key, name, role, accounts === "all" ? null : accounts, expiresAt];
      try {
        await rows(
          `insert into callers (key, name, role, accounts, expires_at) values ($1, $2, $3, $4, $5)`,
          values,
        );
        return "added";
      } catch (error) {
        if (brokenUniqueConstraint(error) === null) throw error;
        return "taken";
      }
    },
    async list() {
      return (await rows(`select ${columns} from callers order by added_at desc, name`)).map(
        toRecord,
      );
    },
    async revoke(name) {
      const [row] = await rows(
        `update callers set revoked_at = now() where name = $1 and revoked_at is null
         returning ${columns}`,
        [name],
      );
      return row === undefined ? null : toRecord(row);
    },
  };
}

const toRecord = (row: CallerRow): CallerRecord => ({
  key: row.key,
  name: row.name,
  role: row.role,
  accounts: row.accounts ?? "all",
  addedAt: row.added_at.toISOString(),
  expiresAt: row.expires_at?.toISOString() ?? null,
  revokedAt: row.revoked_at?.toISOString() ?? null,
});
