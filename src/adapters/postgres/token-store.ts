import type { TokenEvent, TokenState } from "../../../machines/token.ts";
import { HoldfastError } from "../../errors.ts";
import type {
  IncarnationRecord,
  SlotRef,
  TokenRecord,
  TokenStore,
} from "../../ports/token-store.ts";
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

const columns = "account, slot, epoch, state, held_as, incarnation, connected_epoch";
const freed = "state = 'free', incarnation = null, held_as = null";

/**
 * One guarded update per event: the same rule as `machines/token.ts`, judged under the row's lock.
 * $1 account, $2 slot, $3 the event's epoch or incarnation.
 */
const changes: Readonly<Record<Exclude<TokenEvent["type"], "grant">, string>> = {
  connected:
    "set state = 'connected', connected_epoch = epoch where state = 'granted' and epoch = $3",
  "connect.expired": `set ${freed} where state = 'granted' and epoch = $3`,
  drain: "set state = 'draining' where state = 'connected' and epoch = $3",
  released: `set ${freed} where state in ('granted', 'connected', 'draining') and epoch = $3`,
  suspected:
    "set held_as = state, state = 'suspect' where state in ('granted', 'connected', 'draining') and incarnation = $3",
  recovered: "set state = held_as, held_as = null where state = 'suspect' and incarnation = $3",
  revoked: "set state = 'revoked' where state = 'suspect' and incarnation = $3",
  silenced: `set ${freed} where state = 'revoked' and incarnation = $3`,
};

const grant = `
  with live as (select id from incarnations where id = $3 and state = 'LIVE' for share)
  update tokens set epoch = epoch + 1, state = 'granted', incarnation = live.id, changed_at = now()
  from live where account = $1 and slot = $2 and tokens.state = 'free'
  returning account, slot, epoch, tokens.state, held_as, incarnation, connected_epoch`;

function statementFor(event: TokenEvent): { readonly text: string; readonly value: unknown } {
  if (event.type === "grant") return { text: grant, value: event.incarnation };
  const [set, where] = changes[event.type].split(" where ") as [string, string];
  return {
    text: `update tokens ${set}, changed_at = now()
      where account = $1 and slot = $2 and ${where} returning ${columns}`,
    value: "epoch" in event ? event.epoch : event.incarnation,
  };
}

export function createTokenStore(database: Database): TokenStore {
  let asked: { readonly accounts: readonly string[] | null; readonly text: string } = {
    accounts: null,
    text: "",
  };

  async function read({ account, slot }: SlotRef): Promise<TokenRecord | null> {
    const [row] = await database.query<TokenRow>(
      `select ${columns} from tokens where account = $1 and slot = $2`,
      [account, slot],
    );
    return row === undefined ? null : toRecord(row);
  }

  return {
    read,
    async apply(ref, event) {
      const { text, value } = statementFor(event);
      const values = [ref.account, ref.slot, value];
      const [row] = await database.query<TokenRow>(text, values, `token-${event.type}`);
      return row === undefined
        ? { applied: false, token: await read(ref) }
        : { applied: true, token: toRecord(row) };
    },
    async heldBy(incarnation, account) {
      const rows = await database.query<TokenRow>(
        `select ${columns} from tokens where incarnation = $1 and ($2::text is null or account = $2)
         order by account, slot`,
        [incarnation, account ?? null],
      );
      return rows.map(toRecord);
    },
    async heldBesides(incarnation, accounts, but) {
      // One text, made once: ten thousand names are asked about again and again.
      if (asked.accounts !== accounts) asked = { accounts, text: accounts.join(" ") };
      const rows = await database.query<TokenRow>(
        `select ${columns} from tokens
         where incarnation = $1
           and (account not in (select unnest(string_to_array($2, ' '))) or account = any ($3))`,
        [incarnation, asked.text, but],
      );
      return rows.map(toRecord);
    },
    async registerIncarnation({ id, host, proof }) {
      const [row] = await database.query<{ state: string }>(
        `insert into incarnations (id, host, proof) values ($1, $2, $3)
         on conflict (id) do update set proof = excluded.proof returning state`,
        [id, host, JSON.stringify(proof)],
      );
      if (row?.state !== "LIVE") throw incarnationEnded(id);
    },
    async predecessors({ id, host }) {
      const rows = await database.query<IncarnationRow>(
        `select id, host, state, proof, extract(epoch from now() - ended_at) * 1000 as ended_for_ms
         from incarnations i where host = $2 and id <> $1 and (state = 'LIVE'
           or exists (select from tokens t where t.incarnation = i.id))
         order by started_at`,
        [id, host],
      );
      return rows.map(toIncarnation);
    },
    async revokeIncarnation(id) {
      await database.query(
        `with revoked as (update incarnations set state = 'REVOKED', ended_at = now()
           where id = $1 and state = 'LIVE' returning id)
         update tokens set held_as = coalesce(held_as, state), state = 'revoked', changed_at = now()
         from revoked where tokens.incarnation = revoked.id and tokens.state <> 'revoked'`,
        [id],
      );
    },
    async silenceIncarnation(id) {
      await database.query(
        `update tokens set ${freed}, changed_at = now() where incarnation = $1 and state = 'revoked'`,
        [id],
      );
    },
    async releaseIncarnation(id) {
      await database.query(
        `update incarnations set state = 'RELEASED', ended_at = now() where id = $1 and state = 'LIVE'
           and not exists (select from tokens where incarnation = $1)`,
        [id],
      );
    },
  };
}

interface IncarnationRow {
  readonly id: string;
  readonly host: string;
  readonly state: IncarnationRecord["state"];
  readonly ended_for_ms: string | null;
  readonly proof: unknown;
}

function toIncarnation({ ended_for_ms, ...rest }: IncarnationRow): IncarnationRecord {
  return { ...rest, endedForMs: ended_for_ms === null ? null : Number(ended_for_ms) };
}

function toRecord({ epoch, held_as, connected_epoch, ...rest }: TokenRow): TokenRecord {
  return {
    ...rest,
    epoch: Number(epoch),
    heldAs: held_as,
    connectedEpoch: Number(connected_epoch),
  };
}

function incarnationEnded(id: string): HoldfastError {
  return new HoldfastError({
    code: "INCARNATION_ENDED",
    message: `The incarnation ${id} of this host was revoked; it may not hold anything any more.`,
    next: "The gate has to start anew: stop holdfast and start it again.",
  });
}
