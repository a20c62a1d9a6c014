import type { AccountKind, Reason } from "../../../machines/lifecycle.ts";
import { tokenMachine, type TokenRules, tokenRules } from "../../../machines/token.ts";
import type {
  AccountSecrets,
  AccountStore,
  AccountStores,
  Credentials,
  ServingKey,
} from "../../ports/accounts/account-store.ts";
import type { SlotOrigin } from "../../ports/accounts/slot-store.ts";
import type { DriverName } from "../../ports/telegram/telegram.ts";
import type { Sealer } from "../crypto/sealing.ts";
import {
  accountColumnsOf,
  accountExists,
  type AccountRow,
  change,
  toAccount,
} from "./account-rows.ts";
import { createAccountSecrets, secretPurposes } from "./account-secrets.ts";
import { createBurialStore } from "./burial-store.ts";
import type { Database, Queries } from "./database.ts";
import { createAccountRemoval } from "./account-removal.ts";
import { createIdentityStore } from "./identity-store.ts";
import { createRenewalStore, stepTaken } from "./renewal-store.ts";
import { tokenStatements } from "./token-statements.ts";
import { createSlotNeeds } from "./slot-needs.ts";
import { createSlotStore, keyHeldOr, nextSlot, sessionPurpose } from "./slot-store.ts";

const accountColumns = accountColumnsOf("accounts");

/** Accounts with their slots and renewals in Postgres. `rules`: what a token may do, for a renewal under one. */
export function createAccountStore(
  database: Database,
  sealer: Sealer,
  rules: TokenRules = tokenRules(tokenMachine),
): AccountStores {
  const isFree = tokenStatements(rules).isFree("state");
  return {
    ...createAccounts(database, sealer, isFree),
    ...createAccountSecrets(database, sealer),
    ...createSlotStore(database, sealer),
    ...createSlotNeeds(database, sealer),
    ...createRenewalStore(database, rules),
    ...createBurialStore(database),
    ...createIdentityStore(database),
    ...createAccountRemoval(database, sealer, isFree),
  };
}

/**
 * An account that never served, uses no token and has no key that Telegram may have let in: a person may correct
 * what they typed.
 */
const anewWhere = (
  isFree: string,
): string => `update accounts set credentials = $3, driver = $4, proxy = $5, reason = null, changed_at = now()
  where name = $1 and kind = $2 and serving_slot is null and telegram_user_id is null
    and state in ('unauthorised', 'unauthorised.waiting', 'stopped')
    and not exists (select from tokens where account = $1 and not (${isFree}))
    and not exists (select from authorisations where account = $1
      and (state in ('SERVING', 'RETIRING') or (state = 'PENDING' and origin = 'made' and session is not null)))
  returning name`;

/** Keys of attempts before: none of them was made here and logged in. */
const forgetSlots = `update authorisations set state = 'DISCARDED', key_id = null, session = null, changed_at = now()
  where account = $1 and state in ('PENDING', 'DISCARDED')`;

function createAccounts(
  database: Database,
  sealer: Sealer,
  isFree: string,
): Omit<AccountStore, keyof AccountSecrets> {
  const anew = anewWhere(isFree);
  const addition = (account: {
    readonly name: string;
    readonly kind: AccountKind;
    readonly credentials: Credentials;
    readonly driver?: DriverName;
    readonly deviceModel?: string;
    readonly proxy?: string;
  }) => {
    const { name, kind, credentials, driver = "mtcute", deviceModel, proxy } = account;
    const seal = (text: string, of: keyof typeof secretPurposes) =>
      sealer.seal(Buffer.from(text), secretPurposes[of](name));
    return {
      text: `insert into accounts (name, kind, credentials, driver, proxy) values ($1, $2, $3, $4, $5)
        on conflict do nothing returning name`,
      device: deviceModel,
      values: [
        name,
        kind,
        seal(JSON.stringify(credentials), "credentials"),
        driver,
        proxy === undefined ? null : seal(proxy, "proxy"),
      ],
    };
  };
  /** Makes the account, or makes one anew that never served. Throws ACCOUNT_EXISTS. */
  async function make(queries: Queries, account: Parameters<typeof addition>[0]): Promise<void> {
    const { text, values, device } = addition(account);
    const added = await queries.query(text, values);
    const made = added.length > 0 ? added : await queries.query(anew, values);
    if (made.length === 0) throw accountExists(account.name);
    await queries.query(forgetSlots, [account.name]);
    if (device !== undefined) await queries.query(nameDevice, [account.name, device]);
  }
  const nameDevice =
    "update accounts set device = device || jsonb_build_object('deviceModel', $2::text) where name = $1";

  return {
    add: (account) => database.transaction((queries) => make(queries, account)),
    async importSession({ session, origin, ...account }) {
      const { name } = account;
      const credentials = { kind: "user", phone: null } as const;
      try {
        return await database.transaction(async (queries) => {
          await make(queries, { ...account, kind: "user", credentials });
          const [row] = await queries.query<{ slot: number }>(
            `insert into authorisations (account, slot, state, key_id, origin)
             values ($1, ${nextSlot("$1")}, 'PENDING', $2, $3) returning slot`,
            [name, session.keyId, origin],
          );
          const ref = { account: name, slot: row!.slot };
          await queries.query(
            "update authorisations set session = $3 where account = $1 and slot = $2",
            [name, ref.slot, sealer.seal(session.bytes, sessionPurpose(ref))],
          );
          await queries.query("insert into tokens (account, slot) values ($1, $2)", [
            name,
            ref.slot,
          ]);
          return ref;
        });
      } catch (error) {
        throw keyHeldOr(error, { account: name, slot: 1 });
      }
    },
    async chooseDriver(name, driver) {
      await change(database, name, "driver = $2", driver);
    },
    async list() {
      const rows = await database.query<AccountRow>(
        `select ${accountColumns} from accounts order by name`,
      );
      return rows.map(toAccount);
    },
    async changes(since) {
      // Whatever is not finished in this snapshot has a number from `mark` on, and is read again next time.
      const rows = await database.query<
        AccountRow & { readonly mark: string; readonly count: number }
      >(
        `with now as (select pg_snapshot_xmin(pg_current_snapshot())::text as mark,
           (select count(*) from accounts)::int as count)
         select now.mark, now.count, ${accountColumns}
         from now left join accounts on changed_in >= $1::xid8`,
        [since ?? "0"],
      );
      const { mark, count } = rows[0]!;
      const records = rows
        .filter(({ name }) => name !== null)
        .map(({ mark: _mark, count: _count, ...row }) => toAccount(row));
      return { records, mark, count };
    },
    async find(name) {
      const [row] = await database.query<AccountRow>(
        `select ${accountColumns} from accounts where name = $1`,
        [name],
        "find-account",
      );
      return row === undefined ? null : toAccount(row);
    },
    async want(name, wanted) {
      await change(database, name, "wanted = $2", wanted);
    },
    async chooseBot(name, bot) {
      await change(database, name, "bot = $2", bot);
    },
    async cool(name, untilMs) {
      await change(
        database,
        name,
        "cooling_until = greatest(cooling_until, $2::timestamptz)",
        new Date(untilMs),
      );
    },
    async servingKeys(names) {
      const rows = await database.query<KeyRow>(
        `select a.account, a.slot, o.kind, a.origin, o.password is not null as has_password,
           a.created_at as since, t.tried, coalesce(t.times, 0) as times, f.at, f.reason
         from authorisations a join accounts o on o.name = a.account
         left join lateral (select max(r.requested_at) as tried,
             (count(*) filter (where r.state = 'aborted' and r.from_slot = a.slot))::int as times
           from renewals r where r.account = a.account) t on true
         left join lateral (select r.changed_at as at, r.reason from renewals r
           where r.account = a.account and r.from_slot = a.slot and r.state = 'aborted'
           order by r.changed_at desc limit 1) f on true
         where a.state = 'SERVING' and a.account = any ($1)`,
        [names],
      );
      return rows.map(toServingKey);
    },
    async recordTransition({ account, renewal, from, to, event, epoch, reason, step }) {
      await database.query(
        `with changed as (update accounts set state = $3, reason = $6, changed_at = now() where name = $1),
           stepped as (${stepTaken("$8")} from renewals where id = $7 and $8::text is not null)
         insert into lifecycle_events (account, from_state, to_state, event, epoch, reason)
         select name, $2, $3, $4, $5, $6 from accounts where name = $1`,
        [
          account,
          from,
          to,
          event,
          epoch,
          reason === null ? null : JSON.stringify(reason),
          renewal,
          step,
        ],
        "record-transition",
      );
    },
  };
}

interface KeyRow {
  readonly account: string;
  readonly slot: number;
  readonly kind: AccountKind;
  readonly origin: SlotOrigin;
  readonly has_password: boolean;
  readonly since: Date;
  readonly tried: Date | null;
  readonly times: number;
  readonly at: Date | null;
  readonly reason: Reason | null;
}

function toServingKey(row: KeyRow): ServingKey {
  const { has_password, since, tried, times, at, reason, ...key } = row;
  return {
    ...key,
    hasPassword: has_password,
    sinceMs: since.getTime(),
    triedMs: tried?.getTime() ?? null,
    failed: at === null || reason === null ? null : { times, atMs: at.getTime(), reason },
  };
}
