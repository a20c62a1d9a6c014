import type { Reason } from "../../machines/lifecycle.ts";

/** What to type after a login that failed. An account that this fleet cannot hold gets the same answer again. */
export const nextOfLogin = (account: string, reason: Reason | null): string =>
  reason?.code === "OTHER_DATA_CENTRE"
    ? `This fleet cannot hold it. Take it out with: npx holdfast remove ${account}`
    : `Try again with: npx holdfast auth ${account}`;
