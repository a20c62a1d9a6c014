import { type TelegramWait, type WaitStore, waitsMax } from "../../ports/telegram/waits.ts";
import type { Database } from "./database.ts";

interface WaitRow {
  readonly account: string;
  readonly method: string;
  readonly chat: string;
  readonly code: string;
  readonly until: Date;
}

const everyCall = "";

export function createWaitStore(database: Database): WaitStore {
  return {
    async inForce(accounts, nowMs) {
      const rows = await database.query<WaitRow & { readonly [column: string]: unknown }>(
        `select account, method, chat, code, until from (
           select *, row_number() over (partition by account order by until desc) as place
           from telegram_waits where account = any ($1) and until > $2) as waits
         where place <= $3 order by until desc`,
        [accounts, new Date(nowMs), waitsMax],
        "waits-in-force",
      );
      const found = new Map<string, TelegramWait[]>();
      for (const { account, method, chat, code, until } of rows) {
        const waits = found.get(account) ?? [];
        waits.push({
          method,
          chat: chat === everyCall ? null : chat,
          code,
          untilMs: until.getTime(),
        });
        found.set(account, waits);
      }
      return found;
    },
    async keep(account, { method, chat, code, untilMs }, nowMs) {
      await database.query(
        `with over as (delete from telegram_waits
           where account = $1 and until <= $6 and (method, chat) <> ($2, $3))
         insert into telegram_waits (account, method, chat, code, until) values ($1, $2, $3, $4, $5)
         on conflict (account, method, chat) do update set code = excluded.code, until = excluded.until
         where telegram_waits.until < excluded.until`,
        [account, method, chat ?? everyCall, code, new Date(untilMs), new Date(nowMs)],
      );
    },
  };
}
