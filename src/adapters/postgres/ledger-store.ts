import type { LedgerStore } from "../../ports/ledger-store.ts";
import type { Database } from "./database.ts";

export function createLedgerStore(database: Database): LedgerStore {
  return {
    async append(lines) {
      await database.query(
        `insert into custody_ledger (incarnation, host, seq, line)
         select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
         on conflict do nothing`,
        [
          lines.map(({ incarnation }) => incarnation),
          lines.map(({ host }) => host),
          lines.map(({ seq }) => seq),
          lines.map(({ line }) => line),
        ],
      );
    },
    async lines(sinceMs) {
      const rows = await database.query<{
        incarnation: string;
        host: string;
        seq: string;
        line: string;
      }>(
        `select incarnation, host, seq, line from custody_ledger where incarnation in
           (select incarnation from custody_ledger where shipped_at >= to_timestamp($1::float8 / 1000))
         order by incarnation, seq`,
        [sinceMs],
      );
      return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
    },
    async ends(incarnations) {
      const rows = await database.query<{ id: string; live: boolean; ended_ms: string | null }>(
        `select id, state = 'LIVE' as live, extract(epoch from ended_at) * 1000 as ended_ms
         from incarnations where id = any($1)`,
        [incarnations],
      );
      return new Map(
        rows.map(({ id, live, ended_ms }) => [
          id,
          { live, endedMs: ended_ms === null ? null : Number(ended_ms) },
        ]),
      );
    },
  };
}
