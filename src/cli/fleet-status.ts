import type { AccountStatus } from "../commands/account-status.ts";
import type { FleetProtocol } from "../commands/protocol.ts";
import { askFleet, type AskOptions } from "./ask.ts";

/** Where each account of the fleet is, by name, in as many answers as it takes. Throws as `askFleet` does. */
export async function fleetAccounts(options: AskOptions): Promise<readonly AccountStatus[]> {
  const found: AccountStatus[] = [];
  let asked: FleetProtocol["status"]["asked"] = {};
  for (;;) {
    const answer: Answer = await askFleet("status", asked, options);
    found.push(...answer.accounts);
    if (typeof answer.more !== "string") return found;
    asked = { after: answer.more };
  }
}

/** A node of an earlier version answers all at once, and names no next page. */
type Answer = Partial<FleetProtocol["status"]["answered"]> &
  Pick<FleetProtocol["status"]["answered"], "accounts">;
