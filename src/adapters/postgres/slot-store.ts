import { HoldfastError } from "../../errors.ts";
import type { AccountStore, SlotOrigin, SlotRecord, SlotState } from "../../ports/account-store.ts";
import type { SlotRef } from "../../ports/token-store.ts";
import type { Sealer } from "../crypto/sealing.ts";
import { accountUnknown } from "./account-errors.ts";
import { brokenUniqueConstraint, type Database } from "./database.ts";

export const sessionPurpose = ({ account, slot }: SlotRef): string => `${account} slot ${slot}`;

type SlotStore = Pick<
  AccountStore,
  | "addSlot"
  | "slots"
  | "saveSession"
  | "loadSession"
  | "adoptFirstSlot"
  | "forgetSlot"
  | "retireServing"
  | "markDead"
>;

export function createSlotStore(database: Database, sealer: Sealer): SlotStore {
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
      const rows = await database.query<{
        slot: number;
        state: SlotState;
        key_id: string | null;
        origin: SlotOrigin;
      }>(
        "select slot, state, key_id, origin from authorisations where account = $1 order by slot",
        [account],
      );
      return rows.map(({ key_id: keyId, ...slot }): SlotRecord => ({ account, ...slot, keyId }));
    },
    async saveSession(ref, { keyId, bytes }) {
      try {
        await database.query(
          `with saved as (update authorisations set key_id = $3, session = $4, changed_at = now()
             where account = $1 and slot = $2 returning account, state)
           insert into renewal_steps (renewal, step) select id, 'key-stored' from renewals
             join saved using (account) where saved.state = 'PENDING' and renewals.state = 'preparing'`,
          [ref.account, ref.slot, keyId, sealer.seal(bytes, sessionPurpose(ref))],
        );
      } catch (error) {
        throw keyHeldOr(error, ref);
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
      try {
        const adopted = await database.query(
          `with adopted as (update authorisations set state = 'SERVING', changed_at = now()
             where account = $1 and slot = $2 and state = 'PENDING'
               and exists (select from accounts where name = $1 and serving_slot is null)
             returning account, slot)
           update accounts set serving_slot = adopted.slot, changed_at = now()
           from adopted where name = adopted.account and serving_slot is null returning name`,
          [account, slot],
        );
        return adopted.length > 0;
      } catch (error) {
        if (brokenUniqueConstraint(error) === "authorisations_one_serving") return false;
        throw error;
      }
    },
    async forgetSlot({ account, slot }) {
      await database.query(
        `with forgotten as (update authorisations set session = null, changed_at = now(),
           state = case state when 'RETIRING' then 'RETIRED' else 'DISCARDED' end
           where account = $1 and slot = $2 and state in ('RETIRING', 'PENDING')
           returning account, slot)
         insert into renewal_steps (renewal, step) select id, 'retired' from renewals
           join forgotten using (account) where from_slot = slot and state = 'done'`,
        [account, slot],
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
