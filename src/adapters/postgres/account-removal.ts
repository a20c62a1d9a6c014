import { HoldfastError } from "../../errors.ts";
import type { AccountRemoval } from "../../ports/accounts/account-removal.ts";
import type { Credentials } from "../../ports/accounts/account-store.ts";
import type { Sealer } from "../crypto/sealing.ts";
import { accountUnknown } from "./account-rows.ts";
import { secretPurposes } from "./account-secrets.ts";
import type { Database, Queries } from "./database.ts";
import { forgetMarksOf } from "./taken-messages.ts";

/** Sessions that one transaction deletes: none locks others' rows for long. */
const sessionsAtOnce = 200;

/**
 * The tables that name an account of Telegram's and nothing of its conversations, each before those that it refers
 * to.
 */
const ownTables = [
  "tokens",
  "authorisations",
  "renewals",
  "lifecycle_events",
  "update_cursors",
  "update_gaps",
] as const;

/** @param isFree the condition on a token's `state` that nobody holds it */
export function createAccountRemoval(
  database: Database,
  sealer: Sealer,
  isFree: string,
): AccountRemoval {
  return {
    async remove(name) {
      await database.transaction((queries) => refuseHeld(queries, name, isFree));
      await deleteConversations(database, name);
      await database.transaction(async (queries) => {
        await refuseHeld(queries, name, isFree);
        await queries.query(
          `insert into removed_accounts (name, slots)
           select $1, coalesce(max(slot), 0) from authorisations where account = $1
           on conflict (name) do update set removed_at = now(),
             slots = greatest(removed_accounts.slots, excluded.slots)`,
          [name],
        );
        await queries.query(
          "delete from renewal_steps s using renewals r where r.id = s.renewal and r.account = $1",
          [name],
        );
        for (const table of ownTables) {
          await queries.query(`delete from ${table} where account = $1`, [name]);
        }
        await queries.query("delete from accounts where name = $1", [name]);
      });
    },
    replaceToken: (name, token) =>
      database.transaction(async (queries) => {
        const [row] = await queries.query<{ kind: string; user: string | null; sealed: Buffer }>(
          `select kind, telegram_user_id as "user", credentials as sealed from accounts where name = $1 for update`,
          [name],
        );
        if (row === undefined) throw accountUnknown(name);
        if (row.kind !== "bot") throw noBot(name);
        const user = token.split(":")[0];
        if (row.user !== null && row.user !== user) throw otherBot(name, row.user);
        const purpose = secretPurposes.credentials(name);
        const credentials: Credentials = { kind: "bot", token };
        await queries.query(
          "update accounts set credentials = $2, changed_at = now() where name = $1",
          [name, sealer.seal(Buffer.from(JSON.stringify(credentials)), purpose)],
        );
      }),
  };
}

/** Holds the account's row until the transaction ends. Throws ACCOUNT_UNKNOWN and ACCOUNT_HELD. */
async function refuseHeld(queries: Queries, name: string, isFree: string): Promise<void> {
  const [row] = await queries.query<{ wanted: string; held: boolean }>(
    `select wanted, exists (select from tokens where account = $1 and not (${isFree})) as held
     from accounts where name = $1 for update`,
    [name],
  );
  if (row === undefined) throw accountUnknown(name);
  if (row.wanted !== "stop" || row.held) throw accountHeld(name);
}

/**
 * What was said over Telegram under that name. A later account of the name must neither go on in these sessions nor
 * take a message for one that was taken already.
 */
async function deleteConversations(database: Database, account: string): Promise<void> {
  const key = ["telegram", account];
  for (let isMore = true; isMore; ) {
    isMore = await database.transaction(async (queries) => {
      const found = await queries.query<{ id: string }>(
        `select id::text from conversation_sessions where channel = $1 and account = $2
         order by id limit ${sessionsAtOnce} for update`,
        key,
      );
      const ids = found.map(({ id }) => id);
      await queries.query("delete from outbox where session_id = any ($1::bigint[])", [ids]);
      await queries.query("delete from turns where session_id = any ($1::bigint[])", [ids]);
      await queries.query("delete from conversation_sessions where id = any ($1::bigint[])", [ids]);
      return ids.length === sessionsAtOnce;
    });
  }
  await forgetMarksOf(database, "telegram", account);
  await database.transaction(async (queries) => {
    for (const table of [
      "turn_steps",
      "progress_updates",
      "parked_turns",
      "turn_backlog",
      "adopted_sessions",
    ]) {
      await queries.query(`delete from ${table} where channel = $1 and account = $2`, key);
    }
  });
}

const accountHeld = (name: string) =>
  new HoldfastError({
    code: "ACCOUNT_HELD",
    message: `${name} is not stopped yet, so that a host may still use its key; nothing was deleted.`,
    next: `Stop it first: npx holdfast stop ${name}, then: npx holdfast remove ${name}`,
    policy: "retryable",
  });

const noBot = (name: string) =>
  new HoldfastError({
    code: "OTHER_KIND",
    message: `${name} is a user, which has no token; nothing was changed.`,
    next: `A user is logged in by a person: npx holdfast auth ${name}`,
  });

const otherBot = (name: string, user: string) =>
  new HoldfastError({
    code: "OTHER_ACCOUNT",
    message: `The token is that of another bot: ${name} is bot ${user}, and its token begins with that number. Nothing was changed.`,
    next: "Take a new token of the same bot from @BotFather, or add the other bot under a name of its own.",
  });
