import type { AccountStatus } from "../commands/account-status.ts";
import { askFleet, type AskOptions } from "./ask.ts";

/** Where each account of the fleet is, by name, in as many answers as it takes. Throws as `askFleet` does. */
export async function fleetAccounts(options: AskOptions): Promise<readonly AccountStatus[]> {
  const found: AccountStatus[] = [];
  for (let after: string | null = null; ; ) {
    const asked = after === null ? {} : { after };
    const answer = await askFleet("status", asked, options);
    found.push(...answer.accounts);
    // A node of an earlier version answers all at once, and names no next page.
    const { more = null }: { readonly more?: string | null } = answer;
    if (more === null) return found;
    after = more;
  }
}
