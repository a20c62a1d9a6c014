import type { AccountRecord, AccountStore } from "../../ports/accounts/account-store.ts";

/** Accounts that exist from the beginning and never change. */
export const simAccounts = (names: readonly string[]): Pick<AccountStore, "changes" | "find"> => ({
  changes: async (since) => ({
    records: since === null ? names.map(recordOf) : [],
    mark: "0",
    count: names.length,
  }),
  find: async (name) => recordOf(name),
});

const recordOf = (name: string): AccountRecord => ({
  name,
  kind: "user",
  driver: "mtcute",
  servingSlot: 1,
  state: "",
  reason: null,
  wanted: "serve",
  device: { deviceModel: "", systemVersion: "", appVersion: "", langCode: "" },
  coolingUntilMs: null,
  hasPassword: false,
  hasProxy: false,
  bot: null,
  telegramUserId: null,
});
