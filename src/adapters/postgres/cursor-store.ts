import { tokenMachine, type TokenRules, tokenRules } from "../../../machines/token.ts";
import type {
  CursorStore,
  GapReading,
  ReportedGap,
} from "../../ports/conversation/cursor-store.ts";
import type { Positions } from "../../ports/conversation/stream-state.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type { UpdateCursor } from "../../ports/telegram/telegram.ts";
import type { Database } from "./database.ts";
import { tokenStatements } from "./token-statements.ts";

interface StoredRow extends UpdateCursor {
  readonly [column: string]: unknown;
  readonly positions: Positions;
  readonly losses: number;
  readonly reading: GapReading | null;
}

export function createCursorStore(
  database: Database,
  rules: TokenRules = tokenRules(tokenMachine),
): CursorStore {
  const { mayWrite } = tokenStatements(rules);
  /** The account of $1, if $2 and $3 are the slot and epoch under which its token may write. */
  const holder = `holder as (select account from tokens where account = $1 and slot = $2
    and epoch = $3 and ${mayWrite("state")} for share)`;

  const wrote = async (
    text: string,
    { account, slot, epoch }: GrantRef,
    values: readonly unknown[],
    name?: string,
  ): Promise<boolean> =>
    (await database.query(text, [account, slot, epoch, ...values], name)).length > 0;

  return {
    async load(account) {
      const [row] = await database.query<StoredRow>(
        `select c.pts, c.qts, c.date, c.seq, to_jsonb(c.positions) as positions,
           c.losses::float8 as losses,
           case when r.account is not null then jsonb_build_object('fromPts', r.from_pts,
             'toPts', r.to_pts, 'sinceDate', r.since_date, 'unread', r.unread,
             'recovered', r.recovered, 'missing', to_jsonb(r.missing)) end as reading
         from update_cursors c left join gap_readings r using (account) where account = $1`,
        [account],
      );
      if (row === undefined) return null;
      const { pts, qts, date, seq, positions, losses, reading } = row;
      return { cursor: { pts, qts, date, seq }, place: { positions, losses }, reading };
    },
    advance(grant, from, { pts, qts, date, seq }, { positions, losses }) {
      return wrote(
        `with ${holder},
         put as (insert into update_cursors (account, pts, qts, date, seq, positions, losses)
           select account, $4, $5, $6, $7, $9::bigint[], $10 from holder
           where $8::jsonb is null or exists (select from update_cursors where account = $1)
           on conflict (account) do update set pts = excluded.pts, qts = excluded.qts,
             date = excluded.date, seq = excluded.seq, positions = excluded.positions,
             losses = excluded.losses, changed_at = now()
           where jsonb_build_array(update_cursors.pts, update_cursors.qts, update_cursors.date,
             update_cursors.seq) = $8::jsonb
           returning account),
         first as (insert into cursor_marks (account, pts, qts, date, seq)
           select account, $4, $5, $6, $7 from put where $8::jsonb is null
           on conflict (account) do nothing)
         select account from put`,
        grant,
        [pts, qts, date, seq, from === null ? null : standing(from), positions, losses],
        "advance a cursor",
      );
    },
    async settled(account) {
      const [row] = await database.query<UpdateCursor & { [column: string]: number }>(
        "select pts, qts, date, seq from cursor_marks where account = $1",
        [account],
      );
      return row ?? null;
    },
    keepReading: (grant, { fromPts, toPts, sinceDate, unread, recovered, missing }) =>
      wrote(
        `with ${holder}
         insert into gap_readings (account, from_pts, to_pts, since_date, unread, recovered, missing)
         select account, $4, $5, $6, $7, $8, $9 from holder
         on conflict (account) do update set from_pts = excluded.from_pts,
           to_pts = excluded.to_pts, since_date = excluded.since_date, unread = excluded.unread,
           recovered = excluded.recovered, missing = excluded.missing
         returning account`,
        grant,
        [fromPts, toPts, sinceDate, JSON.stringify(unread), recovered, missing],
      ),
    endReading: (grant, { fromPts, toPts, recovered, missing }, { positions, losses }) =>
      wrote(
        `with ${holder},
         ended as (delete from gap_readings using holder
           where gap_readings.account = holder.account),
         placed as (update update_cursors c set positions = $8::bigint[]
           from holder where c.account = holder.account and c.losses = $9)
         insert into update_gaps (account, from_pts, to_pts, recovered, missing)
         select account, $4, $5, $6, $7 from holder returning account`,
        grant,
        [fromPts, toPts, recovered, missing, positions, losses],
      ),
    async reportGap(account, { fromPts, toPts, recovered, missing }: ReportedGap) {
      await database.query(
        `insert into update_gaps (account, from_pts, to_pts, recovered, missing)
         values ($1, $2, $3, $4, $5)`,
        [account, fromPts, toPts, recovered, missing],
      );
    },
  };
}

const standing = ({ pts, qts, date, seq }: UpdateCursor): string =>
  JSON.stringify([pts, qts, date, seq]);
