import type { AccountKind } from "../../machines/lifecycle.ts";
import type { AccountRecord, AccountStore } from "../ports/accounts/account-store.ts";

/**
 * The fleet's accounts as this host last read them. A look costs only the changes, however many
 * accounts there are.
 */
export interface AccountRoll {
  /**
   * Reads the changes since the last look; one look at a time. Rejects as the store does, and then
   * changes nothing.
   */
  look(): Promise<void>;
  /**
   * Names of the accounts that are not stopped. Identity-stable: the same array until they change.
   */
  readonly names: readonly string[];
  /** null for an account that was not there at the last look. */
  kindOf(name: string): AccountKind | null;
  /** Its kind, and the bot that was chosen for it; null as for `kindOf`. */
  find(name: string): Pick<AccountRecord, "kind" | "bot"> | null;
  /** One of them is this Telegram user. */
  isFleets(userId: string): boolean;
}

type Known = Pick<AccountRecord, "kind" | "wanted" | "bot">;

export interface AccountRollOptions {
  readonly accounts: Pick<AccountStore, "changes">;
  /** Takes the current records of these accounts. */
  onChanged(records: readonly AccountRecord[]): void;
}

export function createAccountRoll({ accounts, onChanged }: AccountRollOptions): AccountRoll {
  let known = new Map<string, Known>();
  let userIds = new Set<string>();
  let names: readonly string[] = [];
  let mark: string | null = null;

  return {
    get names() {
      return names;
    },
    kindOf: (name) => known.get(name)?.kind ?? null,
    find: (name) => known.get(name) ?? null,
    isFleets: (userId) => userIds.has(userId),
    async look() {
      let read = await accounts.changes(mark);
      const isOlder = mark !== null && BigInt(read.mark) < BigInt(mark);
      const added = read.records.filter(({ name }) => !known.has(name)).length;
      // Some were deleted, or the database is another one than before.
      const isWhole = mark === null || isOlder || known.size + added !== read.count;
      if (isWhole && mark !== null) read = await accounts.changes(null);
      const next = isWhole ? new Map<string, Known>() : known;
      const isNews =
        isWhole ||
        read.records.some(({ name, wanted }) => (next.get(name)?.wanted ?? "stop") !== wanted);
      if (isWhole) userIds = new Set();
      for (const { name, kind, wanted, bot, telegramUserId } of read.records) {
        next.set(name, { kind, wanted, bot });
        if (telegramUserId !== null) userIds.add(telegramUserId);
      }
      known = next;
      mark = read.mark;
      if (isNews) names = [...known.keys()].filter((name) => known.get(name)?.wanted !== "stop");
      onChanged(read.records);
    },
  };
}
