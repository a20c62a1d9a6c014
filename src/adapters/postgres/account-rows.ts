import { HoldfastError } from "../../errors.ts";
import type { Database } from "./database.ts";

export function accountExists(name: string): HoldfastError {
  return new HoldfastError({
    code: "ACCOUNT_EXISTS",
    message: `There is an account "${name}" already; nothing was changed.`,
    next: `Look at it with: npx holdfast status ${name}`,
  });
}

export function accountUnknown(name: string): HoldfastError {
  return new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `There is no account "${name}".`,
    next: "See the accounts with: npx holdfast status",
  });
}

/** `assignment` sets one column of an account to `$2`. Throws ACCOUNT_UNKNOWN. */
export async function change(
  database: Database,
  name: string,
  assignment: string,
  value: unknown,
): Promise<void> {
  const changed = await database.query(
    `update accounts set ${assignment}, changed_at = now() where name = $1 returning name`,
    [name, value],
  );
  if (changed.length === 0) throw accountUnknown(name);
}
