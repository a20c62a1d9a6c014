import type { TokenRules, TokenState } from "../../../machines/token.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type {
  SlotRef,
  TokenOutcome,
  TokenRecord,
  TokenStore,
} from "../../ports/custody/token-store.ts";
import type { Database } from "./database.ts";
import { tokenColumns, tokensColumns, tokenStatements } from "./token-statements.ts";

interface TokenRow {
  readonly account: string;
  readonly slot: number;
  readonly epoch: string;
  readonly state: TokenState;
  readonly held_as: TokenRecord["heldAs"];
  readonly incarnation: string | null;
  readonly connected_epoch: string;
}

interface ServingRow extends TokenRow {
  readonly key_id: string | null;
  readonly host: string | null;
  readonly since_ms: string;
  readonly proof: Readonly<Record<string, unknown>> | null;
}

type Slots = SlotRef & Record<string, unknown>;

/** Tokens in Postgres, by the rules of their machine. Throws TOKEN_RULES_UNKNOWN where no statement tells a rule. */
export function createTokenStore(database: Database, rules: TokenRules): TokenStore {
  const statements = tokenStatements(rules);
  let asked: { readonly accounts: readonly string[] | null; readonly text: string } = {
    accounts: null,
    text: "",
  };

  async function read({ account, slot }: SlotRef): Promise<TokenRecord | null> {
    const [row] = await database.query<TokenRow>(
      `select ${tokenColumns} from tokens where account = $1 and slot = $2`,
      [account, slot],
    );
    return row === undefined ? null : toRecord(row);
  }

  async function change(
    ref: SlotRef,
    statement: {
      readonly text: string;
      readonly values: readonly unknown[];
      readonly name: string;
    },
  ): Promise<TokenOutcome> {
    const values = [ref.account, ref.slot, ...statement.values];
    const [row] = await database.query<TokenRow>(statement.text, values, statement.name);
    return row === undefined
      ? { applied: false, token: await read(ref) }
      : { applied: true, token: toRecord(row) };
  }
  const ofGrant = (event: "connected" | "drain") => (grant: GrantRef) =>
    change(grant, { text: statements[event], values: [grant.epoch], name: `token-${event}` });

  return {
    read,
    grant: (ref, incarnation) =>
      change(ref, { text: statements.grant, values: [incarnation], name: "grant" }),
    async supersede({ account, slot, epoch }, incarnation, floor) {
      const values = [account, slot, incarnation, epoch, floor];
      const [row] = await database.query<TokenRow>(statements.supersede, values);
      return row === undefined ? null : { account, slot, epoch: Number(row.epoch) };
    },
    connected: ofGrant("connected"),
    drain: ofGrant("drain"),
    released: (grant, serverSalt = null) =>
      change(grant, {
        text: statements.released,
        values: [grant.epoch, serverSalt],
        name: "token-released",
      }),
    releaseAll: (grants, incarnation) =>
      database.query<Slots>(statements.releaseAll, [
        grants.map(({ account }) => account),
        grants.map(({ slot }) => slot),
        grants.map(({ epoch }) => epoch),
        incarnation,
      ]),
    freeAmong: (refs) =>
      database.query<Slots>(
        `select t.account, t.slot from tokens t
         join unnest($1::text[], $2::int[]) as r (account, slot)
           on t.account = r.account and t.slot = r.slot
         where ${statements.isFree("t.state")}`,
        [refs.map(({ account }) => account), refs.map(({ slot }) => slot)],
      ),
    async heldBy(incarnation, account) {
      const rows = await database.query<TokenRow>(
        `select ${tokenColumns} from tokens where incarnation = $1 and ($2::text is null or account = $2)
         order by account, slot`,
        [incarnation, account ?? null],
      );
      return rows.map(toRecord);
    },
    async heldBesides(incarnation, accounts, but) {
      // One text, made once: ten thousand names are asked about again and again.
      if (asked.accounts !== accounts) asked = { accounts, text: accounts.join(" ") };
      const rows = await database.query<TokenRow>(
        `select ${tokenColumns} from tokens
         where incarnation = $1
           and (account not in (select unnest(string_to_array($2, ' '))) or account = any ($3))`,
        [incarnation, asked.text, but],
      );
      return rows.map(toRecord);
    },
    async serving({ account, keyId } = {}) {
      const rows = await database.query<ServingRow & Record<string, unknown>>(
        `select ${tokensColumns}, u.key_id, i.host, i.proof,
           extract(epoch from tokens.changed_at) * 1000 as since_ms
         from authorisations u join tokens on tokens.account = u.account and tokens.slot = u.slot
         left join incarnations i on i.id = tokens.incarnation
         where ($1::text is null or u.account = $1)
           and case when $2::text is null then u.state = 'SERVING' else u.key_id = $2 end
         order by tokens.account`,
        [account ?? null, keyId ?? null],
      );
      return rows.map(({ key_id, host, since_ms, proof, ...token }) => ({
        ...toRecord(token),
        keyId: key_id,
        host,
        sinceMs: Math.round(Number(since_ms)),
        proof,
      }));
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
