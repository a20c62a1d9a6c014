import { tokenMachine, type TokenRules, tokenRules } from "../../../machines/token.ts";
import type { CursorStore } from "../../ports/conversation/cursor-store.ts";
import type { UpdateCursor } from "../../ports/telegram/telegram.ts";
import type { Database } from "./database.ts";
import { tokenStatements } from "./token-statements.ts";

export function createCursorStore(
  database: Database,
  rules: TokenRules = tokenRules(tokenMachine),
): CursorStore {
  const { mayWrite } = tokenStatements(rules);
  return {
    async load(account) {
      const [row] = await database.query<UpdateCursor & { [column: string]: number }>(
        "select pts, qts, date, seq from update_cursors where account = $1",
        [account],
      );
      return row ?? null;
    },
    async advance({ account, slot, epoch }, from, { pts, qts, date, seq }) {
      const advanced = await database.query(
        `with holder as (select from tokens where account = $1 and slot = $2 and epoch = $3
             and ${mayWrite("state")} for share)
         insert into update_cursors (account, pts, qts, date, seq)
         select $1, $4, $5, $6, $7 from holder
         where $8::jsonb is null or exists (select from update_cursors where account = $1)
         on conflict (account) do update set pts = excluded.pts, qts = excluded.qts,
           date = excluded.date, seq = excluded.seq, changed_at = now()
         where jsonb_build_array(update_cursors.pts, update_cursors.qts, update_cursors.date,
           update_cursors.seq) = $8::jsonb
         returning account`,
        [account, slot, epoch, pts, qts, date, seq, from === null ? null : standing(from)],
      );
      return advanced.length > 0;
    },
    async reportGap(account, { fromPts, toPts, recovered }) {
      await database.query(
        "insert into update_gaps (account, from_pts, to_pts, recovered) values ($1, $2, $3, $4)",
        [account, fromPts, toPts, recovered],
      );
    },
  };
}

const standing = ({ pts, qts, date, seq }: UpdateCursor): string =>
  JSON.stringify([pts, qts, date, seq]);
