import type { FleetRecord, FleetStore, FleetTimes } from "../../ports/custody/fleet-store.ts";
import type { Queries } from "./database.ts";

interface FleetRow {
  readonly id: string;
  readonly suspect_ms: number;
  readonly hold_ms: number;
  readonly take_ms: number;
  readonly answer_ms: number;
  readonly adopting: boolean;
}

const valuesOf = (id: string, { suspectMs, holdMs, takeMs, answerMs }: FleetTimes) => [
  id,
  suspectMs,
  holdMs,
  takeMs,
  answerMs,
];

const toRecord = (row: FleetRow): FleetRecord => ({
  id: row.id,
  times: {
    suspectMs: row.suspect_ms,
    holdMs: row.hold_ms,
    takeMs: row.take_ms,
    answerMs: row.answer_ms,
  },
  adopting: row.adopting,
});

export function createFleetStore(database: Queries): FleetStore {
  async function read(): Promise<FleetRecord | null> {
    const [row] = await database.query<FleetRow>(
      `select id, suspect_ms, hold_ms, take_ms, answer_ms,
              coalesce(adopt_until > now(), false) as adopting
       from fleet`,
    );
    return row === undefined ? null : toRecord(row);
  }

  return {
    read,
    async found({ id, times }) {
      await database.query(
        `insert into fleet (id, suspect_ms, hold_ms, take_ms, answer_ms)
         values ($1, $2, $3, $4, $5) on conflict do nothing`,
        valuesOf(id, times),
      );
      const record = await read();
      if (record === null) throw new Error("the fleet's row was removed while it was read");
      return record;
    },
    async adopt({ id, times }) {
      await database.query(
        `insert into fleet (id, suspect_ms, hold_ms, take_ms, answer_ms, adopt_until)
         values ($1, $2, $3, $4, $5, now() + interval '1 hour')
         on conflict (one) do update set
           id = excluded.id,
           suspect_ms = excluded.suspect_ms,
           hold_ms = excluded.hold_ms,
           take_ms = excluded.take_ms,
           answer_ms = excluded.answer_ms,
           adopt_until = excluded.adopt_until,
           changed_at = now()`,
        valuesOf(id, times),
      );
    },
    async settled() {
      await database.query("update fleet set adopt_until = null where adopt_until is not null");
    },
    async changeTimes({ suspectMs, holdMs, takeMs, answerMs }) {
      await database.query(
        `update fleet set suspect_ms = $1, hold_ms = $2, take_ms = $3, answer_ms = $4,
                          changed_at = now()`,
        [suspectMs, holdMs, takeMs, answerMs],
      );
    },
    async hasKeys() {
      const [{ found } = { found: false }] = await database.query<{ found: boolean }>(
        `select exists (
           select from authorisations where state in ('PENDING', 'SERVING', 'RETIRING') and session is not null
         ) as found`,
      );
      return found;
    },
    async knowsAny(incarnations) {
      const [{ found } = { found: false }] = await database.query<{ found: boolean }>(
        "select exists (select from incarnations where id = any($1)) as found",
        [incarnations],
      );
      return found;
    },
    async live() {
      const rows = await database.query<{ id: string; host: string; beats: string }>(
        "select id, host, beats from incarnations where state = 'LIVE'",
      );
      return rows.map(({ id, host, beats }) => ({ incarnation: id, host, beats: Number(beats) }));
    },
  };
}
