import type { KnownStream, StreamLossStore } from "../../ports/conversation/stream-losses.ts";
import type { Database } from "./database.ts";

/** The number of the newest loss; losses only rise, so it also counts them. */
const losses = "(select coalesce(max(id), 0) from inbound_losses)";

interface KnownRow extends KnownStream {
  readonly [column: string]: unknown;
  readonly losses: number;
}

export function createStreamLossStore(database: Database): StreamLossStore {
  return {
    async known() {
      const rows = await database.query<KnownRow>(
        `with counted as (select ${losses} as losses),
         reached as (select (p.n - 1)::int as partition, max(p.seq) as seq
           from counted join update_cursors c using (losses),
             unnest(c.positions) with ordinality as p (seq, n) group by 1)
         select counted.losses::float8 as losses, s.partition, s.created,
           s.settled_seq::float8 as "settledSeq",
           greatest(s.last_seq, r.seq)::float8 as "lastSeq"
         from counted cross join inbound_streams s left join reached r using (partition)`,
      );
      const streams = rows.map(({ partition, created, settledSeq, lastSeq }) => ({
        partition,
        created,
        settledSeq,
        lastSeq,
      }));
      return { losses: rows[0]?.losses ?? 0, streams };
    },
    note: (before, found, lost) =>
      database.transaction(async (queries) => {
        // One host at a time: the others wait here, and then see what it has counted.
        await queries.query("select from inbound_streams order by partition for update");
        const count = async (): Promise<number> => {
          const [row] = await queries.query<{ losses: number }>(
            `select ${losses}::float8 as losses`,
          );
          return row?.losses ?? 0;
        };
        const counted = await count();
        if (counted !== before) return { losses: counted, isWritten: false };
        await queries.query(
          `insert into inbound_losses (partition, known_seq, found_seq, messages_max)
           select * from unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[])`,
          [
            lost.map(({ partition }) => partition),
            lost.map(({ knownSeq }) => knownSeq),
            lost.map(({ foundSeq }) => foundSeq),
            lost.map(({ messagesMax }) => messagesMax),
          ],
        );
        await queries.query(
          `insert into inbound_streams as s (partition, created, last_seq, settled_seq)
           select partition, created, last_seq, settled_seq
           from unnest($1::int[], $2::text[], $3::bigint[], $4::bigint[])
             as f (partition, created, last_seq, settled_seq)
           on conflict (partition) do update set created = excluded.created,
             last_seq = case when excluded.partition = any($5::int[]) then excluded.last_seq
               else greatest(s.last_seq, excluded.last_seq) end,
             settled_seq = case when excluded.partition = any($5::int[]) then excluded.settled_seq
               else greatest(s.settled_seq, excluded.settled_seq) end`,
          [
            found.map(({ partition }) => partition),
            found.map(({ created }) => created),
            found.map(({ lastSeq }) => lastSeq),
            found.map(({ settledSeq }) => settledSeq),
            lost.map(({ partition }) => partition),
          ],
        );
        return { losses: await count(), isWritten: true };
      }),
    async mark(incarnation, counted, settled) {
      const values = [incarnation, counted, settled];
      const mine = `m.account = c.account and c.losses = $2 and c.losses = ${losses}
        and c.account in (select account from tokens where incarnation = $1)`;
      await database.query(
        `update cursor_marks m set pts = m.next_pts, qts = m.next_qts, date = m.next_date,
           seq = m.next_seq, next_positions = null
         from update_cursors c where ${mine} and m.next_losses = $2
           and m.next_positions is not null and not exists (
             select from unnest(m.next_positions) with ordinality as p (seq, n)
             where p.seq > coalesce(($3::bigint[])[p.n], 0))`,
        values,
      );
      await database.query(
        `update cursor_marks m set next_pts = c.pts, next_qts = c.qts, next_date = c.date,
           next_seq = c.seq, next_positions = c.positions, next_losses = c.losses
         from update_cursors c where ${mine}
           and (m.next_positions is null or m.next_losses <> $2)
           and (c.pts, c.qts, c.date, c.seq) is distinct from (m.pts, m.qts, m.date, m.seq)
           and not exists (select from gap_readings r where r.account = c.account)`,
        values.slice(0, 2),
      );
    },
  };
}
