import { HoldfastError } from "../../errors.ts";
import type {
  SlotOrigin,
  SlotRecord,
  SlotState,
  SlotStore,
  StoredSession,
} from "../../ports/accounts/slot-store.ts";
import type { SlotRef } from "../../ports/custody/token-store.ts";
import type { Sealer } from "../crypto/sealing.ts";
import { accountUnknown } from "./account-rows.ts";
import { brokenUniqueConstraint, type Database, type Queries } from "./database.ts";
import { stepTaken } from "./renewal-store.ts";

export interface SessionRow {
  readonly key_id: string | null;
  readonly session: Buffer | null;
}

export function toSession(
  { key_id, session }: SessionRow,
  sealer: Sealer,
  ref: SlotRef,
): StoredSession | null {
  if (key_id === null || session === null) return null;
  return { keyId: key_id, bytes: sealer.open(session, sessionPurpose(ref)) };
}

export const sessionPurpose = ({ account, slot }: SlotRef): string => `${account} slot ${slot}`;

export function createSlotStore(database: Database, sealer: Sealer): SlotStore {
  return {
    addSlot: (account) =>
      database.transaction(async (queries) => {
        await lock(queries, account);
        const { slot } = await add(queries, account);
        return { account, slot };
      }),
    firstSlot: (account) =>
      database.transaction(async (queries) => {
        await lock(queries, account);
        const slots = await slotsOf(queries, account);
        const found =
          slots.find(({ state }) => state === "SERVING") ??
          slots.find(({ state, origin }) => state === "PENDING" && origin === "made");
        return found ?? add(queries, account);
      }),
    slots: (account) => slotsOf(database, account),
    async saveSession(ref, { keyId, bytes }, step) {
      try {
        await database.query(
          `with saved as (update authorisations set key_id = $3, session = $4, changed_at = now()
             where account = $1 and slot = $2 returning account, state)
           ${stepTaken("$5")} from renewals
             join saved using (account) where saved.state = 'PENDING' and renewals.state = 'preparing'`,
          [ref.account, ref.slot, keyId, sealer.seal(bytes, sessionPurpose(ref)), step],
        );
      } catch (error) {
        throw keyHeldOr(error, ref);
      }
    },
    async loadSession(ref) {
      const [row] = await database.query<SessionRow & Record<string, unknown>>(
        "select key_id, session from authorisations where account = $1 and slot = $2",
        [ref.account, ref.slot],
        "session-of-slot",
      );
      return row === undefined ? null : toSession(row, sealer, ref);
    },
    async adoptFirstSlot({ account, slot }, telegramUser) {
      try {
        const adopted = await database.query(
          `with adopted as (update authorisations set state = 'SERVING', changed_at = now()
             where account = $1 and slot = $2 and state = 'PENDING'
               and exists (select from accounts where name = $1 and serving_slot is null
                 and coalesce(telegram_user_id, $3) = $3)
             returning account, slot)
           update accounts set serving_slot = adopted.slot, telegram_user_id = $3, changed_at = now()
           from adopted where name = adopted.account and serving_slot is null returning name`,
          [account, slot, telegramUser],
        );
        return adopted.length > 0;
      } catch (error) {
        if (brokenUniqueConstraint(error) === "authorisations_one_serving") return false;
        throw error;
      }
    },
    async forgetSlot({ account, slot }, step) {
      await database.query(
        `with forgotten as (update authorisations set session = null, changed_at = now(),
           state = case state when 'RETIRING' then 'RETIRED' else 'DISCARDED' end
           where account = $1 and slot = $2 and state in ('RETIRING', 'PENDING')
           returning account, slot)
         ${stepTaken("$3")} from renewals
           join forgotten using (account) where from_slot = slot and state = 'done'`,
        [account, slot, step],
      );
    },
    async retireServing({ account, slot }) {
      await database.query(
        `with retired as (update authorisations set state = 'RETIRING', changed_at = now()
           where account = $1 and slot = $2 and state = 'SERVING' returning account, slot)
         update accounts set serving_slot = null, changed_at = now()
         from retired where name = retired.account and serving_slot = retired.slot`,
        [account, slot],
      );
    },
  };
}

/** Additions of slots to one account wait for each other. */
async function lock(queries: Queries, account: string): Promise<void> {
  const found = await queries.query("select from accounts where name = $1 for update", [account]);
  if (found.length === 0) throw accountUnknown(account);
}

/**
 * The slot above every one that an account of this name has had, as SQL; `account` is a parameter. A removed account's
 * slots are not used again, as the epochs of their tokens were minted once.
 */
export const nextSlot = (account: string): string =>
  `1 + greatest(
     coalesce((select max(slot) from authorisations where account = ${account}), 0),
     coalesce((select slots from removed_accounts where name = ${account}), 0))`;

async function add(queries: Queries, account: string): Promise<SlotRecord> {
  const [row] = await queries.query<{ slot: number }>(
    `with made as (insert into authorisations (account, slot, state)
       select $1, ${nextSlot("$1")}, 'PENDING'
       returning account, slot)
     insert into tokens (account, slot) select account, slot from made returning slot`,
    [account],
  );
  return { account, slot: row!.slot, state: "PENDING", keyId: null, origin: "made" };
}

async function slotsOf(queries: Queries, account: string): Promise<SlotRecord[]> {
  const rows = await queries.query<{
    slot: number;
    state: SlotState;
    key_id: string | null;
    origin: SlotOrigin;
  }>("select slot, state, key_id, origin from authorisations where account = $1 order by slot", [
    account,
  ]);
  return rows.map(({ key_id: keyId, ...slot }) => ({ account, ...slot, keyId }));
}

/** KEY_ALREADY_HELD where the key is stored for another slot, else the error itself. */
export function keyHeldOr(error: unknown, { account, slot }: SlotRef): unknown {
  if (brokenUniqueConstraint(error) !== "authorisations_key_id_key") return error;
  return new HoldfastError({
    code: "KEY_ALREADY_HELD",
    message: `The key of ${account} slot ${slot} is stored for another slot already; one key has one holder.`,
    next: "Log the account in anew instead of importing the same session twice.",
    cause: error,
  });
}
