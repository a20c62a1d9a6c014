import type { AccountKind, Reason } from "../../../machines/lifecycle.ts";
import { HoldfastError } from "../../errors.ts";
import type {
  AccountRecord,
  AccountStore,
  Credentials,
  SlotRecord,
  SlotState,
} from "../../ports/account-store.ts";
import type { DriverName } from "../../ports/telegram.ts";
import type { SlotRef } from "../../ports/token-store.ts";
import type { Sealer } from "../crypto/sealing.ts";
import { brokenUniqueConstraint, type Database } from "./database.ts";
import { createRenewalStore } from "./renewal-store.ts";

interface AccountRow {
  readonly name: string;
  readonly kind: AccountKind;
  readonly driver: DriverName;
  readonly serving_slot: number | null;
  readonly state: string;
  readonly reason: Reason | null;
}

const accountColumns = "name, kind, driver, serving_slot, state, reason";
const sessionPurpose = ({ account, slot }: SlotRef) => `${account} slot ${slot}`;
const credentialsPurpose = (account: string) => `the credentials of ${account}`;

export function createAccountStore(database: Database, sealer: Sealer): AccountStore {
  return {
    ...createAccounts(database, sealer),
    ...createSlots(database, sealer),
    ...createRenewalStore(database),
  };
}

type Accounts = Pick<
  AccountStore,
  "add" | "chooseDriver" | "list" | "find" | "credentials" | "recordTransition"
>;

function createAccounts(database: Database, sealer: Sealer): Accounts {
  return {
    async add({ name, kind, credentials, driver = "mtcute" }) {
      const sealed = sealer.seal(
        Buffer.from(JSON.stringify(credentials)),
        credentialsPurpose(name),
      );
      const added = await database.query(
        "insert into accounts (name, kind, credentials, driver) values ($1, $2, $3, $4) on conflict do nothing returning name",
        [name, kind, sealed, driver],
      );
      if (added.length === 0) throw accountExists(name);
    },
    async chooseDriver(name, driver) {
      const changed = await database.query(
        "update accounts set driver = $2, changed_at = now() where name = $1 returning name",
        [name, driver],
      );
      if (changed.length === 0) throw accountUnknown(name);
    },
    async list() {
      const rows = await database.query<AccountRow>(
        `select ${accountColumns} from accounts order by name`,
      );
      return rows.map(toAccount);
    },
    async find(name) {
      const [row] = await database.query<AccountRow>(
        `select ${accountColumns} from accounts where name = $1`,
        [name],
      );
      return row === undefined ? null : toAccount(row);
    },
    async credentials(name) {
      const [row] = await database.query<{ credentials: Buffer }>(
        "select credentials from accounts where name = $1",
        [name],
      );
      if (row === undefined) throw accountUnknown(name);
      const plain = sealer.open(row.credentials, credentialsPurpose(name));
      return JSON.parse(plain.toString()) as Credentials;
    },
    async recordTransition({ account, from, to, event, epoch, reason }) {
      await database.query(
        `with changed as (update accounts set state = $3, reason = $6, changed_at = now() where name = $1)
         insert into lifecycle_events (account, from_state, to_state, event, epoch, reason)
         values ($1, $2, $3, $4, $5, $6)`,
        [account, from, to, event, epoch, reason === null ? null : JSON.stringify(reason)],
      );
    },
  };
}

type Slots = Pick<
  AccountStore,
  "addSlot" | "slots" | "saveSession" | "loadSession" | "adoptFirstSlot" | "forgetSlot" | "markDead"
>;

function createSlots(database: Database, sealer: Sealer): Slots {
  return {
    async addSlot(account) {
      const [row] = await database.query<{ slot: number }>(
        `with account as (select name from accounts where name = $1 for update),
           made as (insert into authorisations (account, slot, state)
             select name, 1 + coalesce((select max(slot) from authorisations where account = $1), 0),
               'PENDING' from account returning account, slot)
         insert into tokens (account, slot) select account, slot from made returning slot`,
        [account],
      );
      if (row === undefined) throw accountUnknown(account);
      return { account, slot: row.slot };
    },
    async slots(account) {
      const rows = await database.query<{ slot: number; state: SlotState; key_id: string | null }>(
        "select slot, state, key_id from authorisations where account = $1 order by slot",
        [account],
      );
      return rows.map(
        ({ slot, state, key_id }): SlotRecord => ({ account, slot, state, keyId: key_id }),
      );
    },
    async saveSession(ref, { keyId, bytes }) {
      try {
        await database.query(
          `update authorisations set key_id = $3, session = $4, changed_at = now()
           where account = $1 and slot = $2`,
          [ref.account, ref.slot, keyId, sealer.seal(bytes, sessionPurpose(ref))],
        );
      } catch (error) {
        if (brokenUniqueConstraint(error) === "authorisations_key_id_key")
          throw keyHeld(ref, error);
        throw error;
      }
    },
    async loadSession(ref) {
      const [row] = await database.query<{ key_id: string | null; session: Buffer | null }>(
        "select key_id, session from authorisations where account = $1 and slot = $2",
        [ref.account, ref.slot],
      );
      if (row === undefined || row.key_id === null || row.session === null) return null;
      return { keyId: row.key_id, bytes: sealer.open(row.session, sessionPurpose(ref)) };
    },
    async adoptFirstSlot({ account, slot }) {
      await database.query(
        `with adopted as (update authorisations set state = 'SERVING', changed_at = now()
           where account = $1 and slot = $2 and state = 'PENDING' returning account, slot)
         update accounts set serving_slot = adopted.slot, changed_at = now()
         from adopted where name = adopted.account and serving_slot is null`,
        [account, slot],
      );
    },
    async forgetSlot({ account, slot }) {
      await database.query(
        `update authorisations set session = null, changed_at = now(),
           state = case state when 'RETIRING' then 'RETIRED' else 'DISCARDED' end
         where account = $1 and slot = $2 and state in ('RETIRING', 'PENDING')`,
        [account, slot],
      );
    },
    async markDead({ account, slot }) {
      await database.query(
        `with dead as (update authorisations set state = 'DEAD', changed_at = now()
           where account = $1 and slot = $2 and state in ('SERVING', 'PENDING', 'RETIRING')
           returning account, slot)
         update accounts set serving_slot = null, changed_at = now()
         from dead where name = dead.account and serving_slot = dead.slot`,
        [account, slot],
      );
    },
  };
}

function toAccount({ serving_slot: servingSlot, ...rest }: AccountRow): AccountRecord {
  return { ...rest, servingSlot };
}

function accountExists(name: string): HoldfastError {
  return new HoldfastError({
    code: "ACCOUNT_EXISTS",
    message: `There is an account "${name}" already; nothing was changed.`,
    next: `Look at it with: npx holdfast status ${name}`,
  });
}

function accountUnknown(name: string): HoldfastError {
  return new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `There is no account "${name}".`,
    next: "See the accounts with: npx holdfast status",
  });
}

function keyHeld({ account, slot }: SlotRef, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: "KEY_ALREADY_HELD",
    message: `The key of ${account} slot ${slot} is stored for another slot already; one key has one holder.`,
    next: "Log the account in anew instead of importing the same session twice.",
    cause,
  });
}
