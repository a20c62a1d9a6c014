import type { Reason, RenewalMethod } from "../../../machines/lifecycle.ts";
import type { TokenRules } from "../../../machines/token.ts";
import type {
  RenewalRecord,
  RenewalState,
  RenewalStep,
  RenewalStore,
} from "../../ports/accounts/renewal-store.ts";
import type { Database, Queries } from "./database.ts";
import { tokenStatements } from "./token-statements.ts";

export interface RenewalRow {
  readonly id: string;
  readonly account: string;
  readonly method: RenewalMethod;
  readonly state: RenewalState;
  readonly from_slot: number;
  readonly to_slot: number | null;
  readonly reason: Reason | null;
}

/** A renewal that is under way, as SQL. */
export const isOpenRenewal = (state: string): string =>
  `${state} in ('preparing', 'prepared', 'switched')`;

const columns = "id, account, method, state, from_slot, to_slot, reason";

export function createRenewalStore(database: Database, rules: TokenRules): RenewalStore {
  const tokens = tokenStatements(rules);
  return {
    async beginRenewal({ id, account, method, epoch, incarnation }) {
      const begun = await database.query(
        `with held as (select a.name, a.serving_slot from accounts a
             join tokens t on t.account = a.name and t.slot = a.serving_slot
           where a.name = $2 and ${tokens.mayDrain("t.state")} and t.epoch = $4 and t.incarnation = $5
           for share of t),
         begun as (insert into renewals (id, account, method, state, from_slot)
           select $1, name, $3, 'preparing', serving_slot from held
           on conflict do nothing returning id),
         stepped as (${step("requested", "begun")})
         select id from begun`,
        [id, account, method, epoch, incarnation],
      );
      return begun.length > 0;
    },
    async recordNotBegun({ id, account, method, slot, reason }) {
      const recorded = await database.query(
        `with recorded as (insert into renewals (id, account, method, state, from_slot, reason)
           select $1, name, $3, 'aborted', serving_slot, $5 from accounts
           where name = $2 and serving_slot = $4
           on conflict do nothing returning id),
         stepped as (${step("aborted", "recorded")})
         select id from recorded`,
        [id, account, method, slot, JSON.stringify(reason)],
      );
      return recorded.length > 0;
    },
    async findRenewal(id) {
      const [row] = await database.query<RenewalRow>(
        `select ${columns} from renewals where id = $1`,
        [id],
      );
      return row === undefined ? null : toRenewal(row);
    },
    async openRenewal(account) {
      const [row] = await database.query<RenewalRow>(
        `select ${columns} from renewals
         where account = $1 and ${isOpenRenewal("state")}`,
        [account],
        "open-renewal",
      );
      return row === undefined ? null : toRenewal(row);
    },
    async renewalSteps(id) {
      const rows = await database.query<{ step: RenewalStep; at: Date }>(
        "select step, at from renewal_steps where renewal = $1 order by id",
        [id],
      );
      return rows.map((row) => ({ step: row.step, atMs: row.at.getTime() }));
    },
    async recordPrepared(id, toSlot) {
      await database.query(
        `with prepared as (update renewals set state = 'prepared', to_slot = $2, changed_at = now()
           where id = $1 and state = 'preparing' returning id) ${step("authorised", "prepared")}`,
        [id, toSlot],
      );
    },
    switchSlot: (change) => database.transaction((queries) => switchSlot(queries, tokens, change)),
    abortRenewal: (id, reason) =>
      database.transaction((queries) => abortRenewal(queries, id, reason)),
    async finishRenewal(id) {
      await database.query(
        `with done as (update renewals set state = 'done', changed_at = now()
           where id = $1 and state = 'switched' returning id) ${step("verified", "done")}`,
        [id],
      );
    },
  };
}

/**
 * Writes a step of the renewals selected behind it, in the statement that takes the step. It is the
 * only writer of steps. `step`: the number of a parameter, as `$5`, or a text in quotes.
 */
export const stepTaken = (step: string): string =>
  `insert into renewal_steps (renewal, step) select id, ${step}`;

const step = (name: RenewalStep, from: string): string => `${stepTaken(`'${name}'`)} from ${from}`;

type SwitchChange = Parameters<RenewalStore["switchSlot"]>[0];
type TokenStatements = ReturnType<typeof tokenStatements>;

/** Null without a change unless the renewal, both slots, both tokens and the holder are as they must be. */
async function switchSlot(
  queries: Queries,
  tokens: TokenStatements,
  { renewal, account, from, to, incarnation }: SwitchChange,
): Promise<{ readonly epoch: number } | null> {
  const allowed = await queries.query(
    `select from renewals r join accounts a on a.name = r.account
     where r.id = $1 and r.state = 'prepared' and r.to_slot = $4
       and a.name = $2 and a.serving_slot = $3 for update`,
    [renewal, account, from, to],
  );
  const live = await queries.query(
    "select from incarnations where id = $1 and state = 'LIVE' for share",
    [incarnation],
  );
  const free = await queries.query(
    `select from tokens where account = $1 and slot in ($2, $3) and ${tokens.isFree("state")}
     order by slot for update`,
    [account, from, to],
  );
  if (allowed.length === 0 || live.length === 0 || free.length !== 2) return null;
  const grant = [account, to, incarnation];
  const [token] = await queries.query<{ epoch: string }>(tokens.grant, grant, "grant");
  if (token === undefined) return null;
  await moveServing(queries, account, { from, fromBecomes: "RETIRING", to });
  await queries.query(
    `with switched as (update renewals set state = 'switched', changed_at = now()
       where id = $1 returning id) ${step("switched", "switched")}`,
    [renewal],
  );
  return { epoch: Number(token.epoch) };
}

async function abortRenewal(queries: Queries, id: string, reason: Reason): Promise<void> {
  const [renewal] = await queries.query<RenewalRow>(
    `select ${columns} from renewals where id = $1
     and ${isOpenRenewal("state")} for update`,
    [id],
  );
  if (renewal === undefined) return;
  const { account, state, from_slot: from, to_slot: to } = renewal;
  if (state === "switched" && to !== null) {
    await moveServing(queries, account, { from: to, fromBecomes: "PENDING", to: from });
  }
  await queries.query(
    `with aborted as (update renewals set state = 'aborted', reason = $2, changed_at = now()
       where id = $1 returning id) ${step("aborted", "aborted")}`,
    [id, JSON.stringify(reason)],
  );
}

/** The account's serving slot changes; one slot stops serving before the other begins. */
async function moveServing(
  queries: Queries,
  account: string,
  { from, fromBecomes, to }: { from: number; fromBecomes: "RETIRING" | "PENDING"; to: number },
): Promise<void> {
  const become = `update authorisations set state = $3, changed_at = now()
    where account = $1 and slot = $2`;
  await queries.query(become, [account, from, fromBecomes]);
  await queries.query(become, [account, to, "SERVING"]);
  await queries.query("update accounts set serving_slot = $2, changed_at = now() where name = $1", [
    account,
    to,
  ]);
}

export function toRenewal(row: RenewalRow): RenewalRecord {
  const { id, account, method, state, from_slot, to_slot, reason } = row;
  return { id, account, method, state, fromSlot: from_slot, toSlot: to_slot, reason };
}
