import type { Reason } from "../../../machines/lifecycle.ts";
import type { Burial, BurialStore } from "../../ports/accounts/burial-store.ts";
import type { SlotRef } from "../../ports/custody/token-store.ts";
import { accountUnknown } from "./account-rows.ts";
import type { Database, Queries } from "./database.ts";
import { isOpenRenewal, stepTaken } from "./renewal-store.ts";

interface OpenRenewal {
  readonly id: string;
  readonly state: "preparing" | "prepared" | "switched";
  readonly to_slot: number | null;
}

/** The burials of an account's keys in Postgres. */
export function createBurialStore(database: Database): BurialStore {
  return {
    bury: (ref, reason) => database.transaction((queries) => bury(queries, ref, reason)),
  };
}

/** Locks in the order of every other change of a renewal: the renewal, then the account. */
async function bury(queries: Queries, ref: SlotRef, reason: Reason): Promise<Burial> {
  const { account, slot } = ref;
  const [open] = await queries.query<OpenRenewal>(
    `select id, state, to_slot from renewals
     where account = $1 and ${isOpenRenewal("state")} for update`,
    [account],
  );
  const [row] = await queries.query<{ serving: number | null }>(
    "select serving_slot as serving from accounts where name = $1 for update",
    [account],
  );
  if (row === undefined) throw accountUnknown(account);
  await queries.query(
    `update authorisations set state = 'DEAD', changed_at = now()
     where account = $1 and slot = $2 and state in ('SERVING', 'PENDING', 'RETIRING')`,
    [account, slot],
  );
  if (row.serving !== slot) return { serving: row.serving, renewal: null };
  const serving = await authorisedBeside(queries, ref);
  if (serving !== null) {
    await queries.query(
      "update authorisations set state = 'SERVING', changed_at = now() where account = $1 and slot = $2",
      [account, serving],
    );
  }
  await queries.query("update accounts set serving_slot = $2, changed_at = now() where name = $1", [
    account,
    serving,
  ]);
  return {
    serving,
    renewal: open === undefined ? null : await carryOn(queries, open, serving, reason),
  };
}

/**
 * A renewal's `to_slot` is written once its user was compared. A slot that a logout or a login left never takes over.
 */
async function authorisedBeside(queries: Queries, { account, slot }: SlotRef) {
  const [found] = await queries.query<{ slot: number }>(
    `select s.slot from authorisations s
     where s.account = $1 and s.slot <> $2 and s.key_id is not null and s.session is not null
       and exists (select from renewals r where r.account = s.account
         and ((s.state = 'PENDING' and r.to_slot = s.slot)
           or (s.state = 'RETIRING' and r.from_slot = s.slot and r.state in ('switched', 'done'))))
     order by s.slot desc limit 1`,
    [account, slot],
  );
  return found?.slot ?? null;
}

async function carryOn(
  queries: Queries,
  { id, state, to_slot }: OpenRenewal,
  serving: number | null,
  reason: Reason,
): Promise<Burial["renewal"]> {
  const step = state === "prepared" && to_slot === serving ? "switched" : "aborted";
  await queries.query(
    `with moved as (update renewals set state = $2, changed_at = now(),
       reason = case $2 when 'aborted' then $3::jsonb end
       where id = $1 returning id) ${stepTaken("$2")} from moved`,
    [id, step, JSON.stringify(reason)],
  );
  return { id, step };
}
