import type { TokenRules } from "../../../machines/token.ts";
import { HoldfastError } from "../../errors.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import { readPromise } from "../../ports/custody/hold-promise.ts";
import type {
  Beat,
  HolderRecord,
  IncarnationRecord,
  IncarnationStore,
} from "../../ports/custody/incarnation-store.ts";
import { type Database, isLockTimeout } from "./database.ts";
import { tokenStatements } from "./token-statements.ts";

interface IncarnationRow {
  readonly id: string;
  readonly host: string;
  readonly state: IncarnationRecord["state"];
  readonly ended_for_ms: string | null;
  readonly proof: unknown;
}

interface RegistrationRow {
  readonly host: string;
  readonly holdMs: number | null;
  readonly answerMs: number | null;
  readonly isOver: boolean;
}

interface GrantRow {
  readonly account: string;
  readonly slot: number;
  readonly epoch: string;
}

/**
 * Incarnations in Postgres; their tokens are revoked and freed by the rules of the token machine. `beats`: where beats
 * go, if they are to wait for nothing else.
 */
export function createIncarnationStore(
  database: Database,
  rules: TokenRules,
  beats: Database = database,
): IncarnationStore {
  const statements = tokenStatements(rules);
  return {
    async register({ id, host, proof, promise }) {
      const [row] = await database.query<{ state: string }>(
        `insert into incarnations (id, host, proof, hold_ms, answer_ms) values ($1, $2, $3, $4, $5)
         on conflict (id) do update set proof = excluded.proof
         where incarnations.host = excluded.host returning state`,
        [id, host, JSON.stringify(proof), promise?.holdMs ?? null, promise?.answerMs ?? null],
      );
      if (row?.state !== "LIVE") throw incarnationEnded(id);
    },
    async registration(incarnation) {
      const [row] = await database.query<RegistrationRow & Record<string, unknown>>(
        `select host, hold_ms as "holdMs", answer_ms as "answerMs",
           silenced_at is not null
             or (state = 'RELEASED' and not exists (select from tokens where incarnation = $1)) as "isOver"
         from incarnations where id = $1`,
        [incarnation],
      );
      if (row === undefined) return null;
      return { host: row.host, promise: readPromise(row), isOver: row.isOver };
    },
    async predecessors({ id, host }) {
      const rows = await database.query<IncarnationRow & Record<string, unknown>>(
        `select id, host, state, proof, extract(epoch from now() - ended_at) * 1000 as ended_for_ms
         from incarnations i where host = $2 and id <> $1 and (state = 'LIVE'
           or exists (select from tokens t where t.incarnation = i.id))
         order by started_at`,
        [id, host],
      );
      return rows.map(toIncarnation);
    },
    async beat(incarnation): Promise<Beat> {
      const rows = await orLocked(
        beats.query<{ state: HolderRecord["state"]; beats: string }>(
          `update incarnations set beats = beats + 1 where id = $1 returning state, beats`,
          [incarnation],
        ),
      );
      if (rows === null) return { state: "LOCKED" };
      const [row] = rows;
      if (row === undefined) return { state: "MISSING" };
      return row.state === "LIVE"
        ? { state: row.state, beats: Number(row.beats) }
        : { state: row.state };
    },
    async marksOfOthers(incarnation) {
      const rows = await orLocked(
        beats.query<{ marks: string }>(
          `select coalesce(md5(string_agg(id || ' ' || beats, ',' order by id)), '') as marks
           from incarnations where state = 'LIVE' and id <> $1`,
          [incarnation],
        ),
      );
      return rows?.[0]?.marks ?? null;
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
      const known = await database.query(statements.revoke, [incarnation]);
      return known.length > 0;
    },
    async silence(incarnation) {
      const rows = await database.query<GrantRow & Record<string, unknown>>(statements.silence, [
        incarnation,
      ]);
      return rows.map(
        ({ account, slot, epoch }): GrantRef => ({ account, slot, epoch: Number(epoch) }),
      );
    },
    async release(incarnation) {
      await database.query(
        `update incarnations set state = 'RELEASED', ended_at = now() where id = $1 and state = 'LIVE'
           and not exists (select from tokens where incarnation = $1)`,
        [incarnation],
      );
    },
  };
}

/** null where another transaction holds the lock for too long. */
const orLocked = <Rows>(rows: Promise<Rows>): Promise<Rows | null> =>
  rows.catch((error: unknown) => {
    if (isLockTimeout(error)) return null;
    throw error;
  });

function toIncarnation({ ended_for_ms, ...rest }: IncarnationRow): IncarnationRecord {
  const { id, host, state, proof } = rest;
  return {
    id,
    host,
    state,
    proof,
    endedForMs: ended_for_ms === null ? null : Number(ended_for_ms),
  };
}

function incarnationEnded(id: string): HoldfastError {
  return new HoldfastError({
    code: "INCARNATION_ENDED",
    message: `The incarnation ${id} of this host was revoked; it may not hold anything any more.`,
    next: "The gate has to start anew: stop holdfast and start it again.",
  });
}
