import type { LedgerHead, LedgerLine, LedgerStore } from "../../ports/custody/ledger-store.ts";
import type { Database } from "./database.ts";

interface EndRow {
  readonly id: string;
  readonly host: string;
  readonly live: boolean;
  readonly ended_ms: string | null;
}

export function createLedgerStore(database: Database): LedgerStore {
  return {
    async append(lines, heads) {
      await database.query(
        `with heads as (
           insert into custody_heads (incarnation, host, seq, digest, as_of, ended, signed_by, signature)
           select * from unnest(
             $5::text[], $6::text[], $7::bigint[], $8::text[], $9::timestamptz[], $10::boolean[],
             $11::text[], $12::text[]
           )
           on conflict (incarnation) do update set
             seq = excluded.seq,
             digest = excluded.digest,
             as_of = coalesce(excluded.as_of, custody_heads.as_of),
             ended = excluded.ended,
             signed_by = excluded.signed_by,
             signature = excluded.signature
           where custody_heads.seq <= excluded.seq
         )
         insert into custody_ledger (incarnation, host, seq, line)
         select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
         on conflict do nothing`,
        [
          lines.map(({ incarnation }) => incarnation),
          lines.map(({ host }) => host),
          lines.map(({ seq }) => seq),
          lines.map(({ line }) => line),
          heads.map(({ incarnation }) => incarnation),
          heads.map(({ host }) => host),
          heads.map(({ seq }) => seq),
          heads.map(({ digest }) => digest),
          heads.map(({ asOf }) => asOf),
          heads.map(({ ended }) => ended),
          heads.map(({ signedBy }) => signedBy ?? null),
          heads.map(({ signature }) => signature ?? null),
        ],
      );
    },
    async read(sinceMs) {
      const [{ lines, heads } = { lines: [], heads: [] }] = await database.query<{
        lines: LedgerLine[];
        heads: LedgerHead[];
      }>(
        `with wanted as (
           select incarnation from custody_ledger where shipped_at >= to_timestamp($1::float8 / 1000)
           union select id from incarnations where state = 'LIVE'
         )
         select
           (select coalesce(jsonb_agg(jsonb_build_object(
              'incarnation', incarnation, 'host', host, 'seq', seq, 'line', line
            ) order by incarnation, seq), '[]')
            from custody_ledger where incarnation in (table wanted)) as lines,
           (select coalesce(jsonb_agg(jsonb_build_object(
              'incarnation', incarnation, 'host', host, 'seq', seq, 'digest', digest,
              'asOf', as_of, 'ended', ended, 'signedBy', signed_by, 'signature', signature
            )), '[]')
            from custody_heads where incarnation in (table wanted)) as heads`,
        [sinceMs],
      );
      return { lines, heads };
    },
    async ends(incarnations) {
      const rows = await database.query<EndRow & Record<string, unknown>>(
        `select id, host, state = 'LIVE' as live, extract(epoch from ended_at) * 1000 as ended_ms
         from incarnations where id = any($1)`,
        [incarnations],
      );
      return new Map(
        rows.map(({ id, host, live, ended_ms }) => [
          id,
          { host, live, endedMs: ended_ms === null ? null : Number(ended_ms) },
        ]),
      );
    },
  };
}
