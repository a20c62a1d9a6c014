import type { TokenState } from "../../../machines/token.ts";
import type { Beat, CustodyStore, HolderRecord } from "../../ports/custody-store.ts";
import type { GrantRef } from "../../ports/gate.ts";
import type { SlotRef, TokenRecord } from "../../ports/token-store.ts";
import type { Database } from "./database.ts";

interface TokenRow {
  readonly account: string;
  readonly slot: number;
  readonly epoch: string;
  readonly state: TokenState;
  readonly held_as: TokenRecord["heldAs"];
  readonly incarnation: string | null;
  readonly connected_epoch: string;
}

interface GrantRow extends SlotRef {
  readonly epoch: string;
}

const freed = "state = 'free', incarnation = null, held_as = null, changed_at = now()";
const columns =
  "tokens.account, tokens.slot, tokens.epoch, tokens.state, tokens.held_as, tokens.incarnation, tokens.connected_epoch";

const live = "live as (select id from incarnations where id = $3 and state = 'LIVE' for share)";

const grantSql = `with ${live}
  update tokens set epoch = epoch + 1, state = 'granted', incarnation = live.id, changed_at = now()
  from live where account = $1 and slot = $2 and tokens.state = 'free'
  returning ${columns}`;

const supersedeSql = `with ${live}
  update tokens set epoch = $5::bigint + 1, changed_at = now()
  from live where account = $1 and slot = $2 and tokens.state = 'granted'
    and tokens.incarnation = live.id and tokens.epoch = $4 and tokens.epoch <= $5::bigint
  returning ${columns}`;

/** The rows are locked in the same order by every statement that takes several, so that none wait in a circle. */
const releaseSql = `
  with let_go as (
    select t.account, t.slot from tokens t
    join unnest($1::text[], $2::int[], $3::bigint[]) as g (account, slot, epoch)
      on t.account = g.account and t.slot = g.slot and t.epoch = g.epoch
    where t.state in ('granted', 'connected', 'draining')
    order by t.account, t.slot for update of t)
  update tokens set ${freed} from let_go
  where tokens.account = let_go.account and tokens.slot = let_go.slot
  returning tokens.account, tokens.slot`;

const revokeSql = `
  with known as (select id from incarnations where id = $1 for update),
  ended as (update incarnations set state = 'REVOKED', ended_at = now()
    where id in (select id from known) and state <> 'REVOKED'),
  held as (select account, slot from tokens
    where incarnation in (select id from known) and state <> 'revoked'
    order by account, slot for update),
  revoked as (update tokens set held_as = coalesce(held_as, state), state = 'revoked', changed_at = now()
    from held where tokens.account = held.account and tokens.slot = held.slot)
  select id from known`;

const silenceSql = `
  with ended as (select id from incarnations where id = $1 and state = 'REVOKED' for share),
  held as (select account, slot from tokens where incarnation in (select id from ended)
    order by account, slot for update)
  update tokens set ${freed} from held
  where tokens.account = held.account and tokens.slot = held.slot
  returning tokens.account, tokens.slot, tokens.epoch`;

/** Custody across hosts in Postgres. */
export function createCustodyStore(database: Database): CustodyStore {
  async function read({ account, slot }: SlotRef): Promise<TokenRecord | null> {
    const [row] = await database.query<TokenRow>(
      `select ${columns} from tokens where account = $1 and slot = $2`,
      [account, slot],
    );
    return row === undefined ? null : toRecord(row);
  }

  return {
    async grant(ref, incarnation) {
      const values = [ref.account, ref.slot, incarnation];
      const [row] = await database.query<TokenRow>(grantSql, values, "grant");
      return row === undefined
        ? { applied: false, token: await read(ref) }
        : { applied: true, token: toRecord(row) };
    },
    async supersede({ account, slot, epoch }, incarnation, floor) {
      const values = [account, slot, incarnation, epoch, floor];
      const [row] = await database.query<TokenRow>(supersedeSql, values);
      return row === undefined ? null : { account, slot, epoch: Number(row.epoch) };
    },
    releaseAll: (grants) =>
      database.query<SlotRef & Record<string, unknown>>(releaseSql, [
        grants.map(({ account }) => account),
        grants.map(({ slot }) => slot),
        grants.map(({ epoch }) => epoch),
      ]),
    freeAmong: (refs) =>
      database.query<SlotRef & Record<string, unknown>>(
        `select t.account, t.slot from tokens t
         join unnest($1::text[], $2::int[]) as r (account, slot)
           on t.account = r.account and t.slot = r.slot
         where t.state = 'free'`,
        [refs.map(({ account }) => account), refs.map(({ slot }) => slot)],
      ),
    async servingTokens({ account, keyId } = {}) {
      const rows = await database.query<
        TokenRow & {
          readonly key_id: string | null;
          readonly host: string | null;
          readonly since_ms: string;
          readonly proof: Readonly<Record<string, unknown>> | null;
        }
      >(
        `select ${columns}, u.key_id, i.host, i.proof,
           extract(epoch from tokens.changed_at) * 1000 as since_ms
         from authorisations u join tokens on tokens.account = u.account and tokens.slot = u.slot
         left join incarnations i on i.id = tokens.incarnation
         where ($1::text is null or u.account = $1)
           and case when $2::text is null then u.state = 'SERVING' else u.key_id = $2 end
         order by tokens.account`,
        [account ?? null, keyId ?? null],
      );
      return rows.map((row) => ({
        ...toRecord(row),
        keyId: row.key_id,
        host: row.host,
        sinceMs: Math.round(Number(row.since_ms)),
        proof: row.proof,
      }));
    },
    async beat(incarnation): Promise<Beat> {
      const [row] = await database.query<{ state: HolderRecord["state"]; beats: string }>(
        `update incarnations set beats = beats + 1 where id = $1 returning state, beats`,
        [incarnation],
      );
      if (row === undefined) return { state: "MISSING" };
      return row.state === "LIVE"
        ? { state: row.state, beats: Number(row.beats) }
        : { state: row.state };
    },
    async holders() {
      const rows = await database.query<{
        id: string;
        host: string;
        state: HolderRecord["state"];
        tokens: string;
      }>(
        `select i.id, i.host, i.state, count(t.account) as tokens from incarnations i
         left join tokens t on t.incarnation = i.id
         where i.state = 'LIVE' or t.account is not null
         group by i.id order by i.id`,
      );
      return rows.map(({ id, host, state, tokens }) => ({
        incarnation: id,
        host,
        state,
        tokens: Number(tokens),
      }));
    },
    async revoke(incarnation) {
      const known = await database.query(revokeSql, [incarnation]);
      return known.length > 0;
    },
    async silence(incarnation) {
      const rows = await database.query<GrantRow & Record<string, unknown>>(silenceSql, [
        incarnation,
      ]);
      return rows.map(
        ({ account, slot, epoch }): GrantRef => ({ account, slot, epoch: Number(epoch) }),
      );
    },
  };
}

function toRecord({ epoch, held_as, connected_epoch, ...rest }: TokenRow): TokenRecord {
  return {
    ...rest,
    epoch: Number(epoch),
    heldAs: held_as,
    connectedEpoch: Number(connected_epoch),
  };
}
