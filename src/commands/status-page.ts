import type { AccountStatus } from "./account-status.ts";
import { firstThatFit } from "./pages.ts";

/** Accounts by name, from behind `after` on, as many as fit; `more` is where the next page begins, null: nowhere. */
export function statusPage(
  accounts: readonly AccountStatus[],
  after: string | undefined,
): { readonly accounts: readonly AccountStatus[]; readonly more: string | null } {
  const rest =
    after === undefined ? accounts : accounts.filter(({ name }) => name.localeCompare(after) > 0);
  const page = firstThatFit(rest);
  return { accounts: page, more: page.length < rest.length ? (page.at(-1)?.name ?? null) : null };
}
