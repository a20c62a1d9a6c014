import type { IdentityStore } from "../../ports/accounts/identity-store.ts";
import { accountUnknown } from "./account-rows.ts";
import type { Database } from "./database.ts";

export function createIdentityStore(database: Database): IdentityStore {
  const userIn = (rows: readonly { readonly user: string | null }[], account: string) => {
    const [row] = rows;
    if (row === undefined) throw accountUnknown(account);
    return row.user;
  };

  return {
    async telegramUser(account) {
      const rows = await database.query<{ user: string | null }>(
        `select telegram_user_id as "user" from accounts where name = $1`,
        [account],
        "telegram-user-of-account",
      );
      return userIn(rows, account);
    },
    async learnTelegramUser(account, userId) {
      const rows = await database.query<{ user: string }>(
        `update accounts set telegram_user_id = coalesce(telegram_user_id, $2), changed_at = now()
         where name = $1 returning telegram_user_id as "user"`,
        [account, userId],
      );
      return userIn(rows, account) ?? userId;
    },
  };
}
