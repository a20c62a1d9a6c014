import type {
  CursorStore,
  GapReading,
  ReportedGap,
  StoredCursor,
} from "../../../ports/conversation/cursor-store.ts";
import type {
  KnownStream,
  StreamLoss,
  StreamLossStore,
} from "../../../ports/conversation/stream-losses.ts";
import type { Positions, StreamPlace } from "../../../ports/conversation/stream-state.ts";
import type { GrantRef } from "../../../ports/custody/gate.ts";
import type { UpdateCursor } from "../../../ports/telegram/telegram.ts";
import type { Ask } from "./sim-postgres.ts";

interface Mark {
  readonly settled: UpdateCursor;
  /** Becomes `settled` once every stream has settled these positions. */
  readonly next: ({ readonly cursor: UpdateCursor } & StreamPlace) | null;
}

/** The update cursors, and the memory of the streams. */
export interface CursorTables {
  readonly cursors: Map<string, { readonly cursor: UpdateCursor; readonly place: StreamPlace }>;
  readonly marks: Map<string, Mark>;
  readonly readings: Map<string, GapReading>;
  readonly gaps: (ReportedGap & { readonly account: string })[];
  readonly streams: Map<number, KnownStream>;
  readonly losses: StreamLoss[];
  /** Counts the losses; a found loss may be of several streams. */
  lossCount: number;
}

export const createCursorTables = (): CursorTables => ({
  cursors: new Map(),
  marks: new Map(),
  readings: new Map(),
  gaps: [],
  streams: new Map(),
  losses: [],
  lossCount: 0,
});

export function createSimCursors(
  tables: CursorTables,
  ask: Ask,
  mayWrite: (grant: GrantRef) => boolean,
): CursorStore {
  const { cursors, marks, readings, gaps } = tables;
  return {
    load: (account) =>
      ask(
        (): StoredCursor | null => {
          const found = cursors.get(account);
          return found === undefined ? null : { ...found, reading: readings.get(account) ?? null };
        },
        { reads: true },
      ),
    advance: (grant, from, to, place) =>
      ask(() => {
        const { account } = grant;
        const now = cursors.get(account);
        if (!mayWrite(grant) || (from !== null && now === undefined)) return false;
        if (now !== undefined && (from === null || !isSame(now.cursor, from))) return false;
        cursors.set(account, { cursor: to, place });
        if (from === null && !marks.has(account)) marks.set(account, { settled: to, next: null });
        return true;
      }),
    settled: (account) => ask(() => marks.get(account)?.settled ?? null, { reads: true }),
    keepReading: (grant, reading) =>
      ask(() => {
        if (!mayWrite(grant)) return false;
        readings.set(grant.account, reading);
        return true;
      }),
    endReading: (grant, gap, { positions, losses }) =>
      ask(() => {
        const { account } = grant;
        if (!mayWrite(grant)) return false;
        readings.delete(account);
        const now = cursors.get(account);
        if (now?.place.losses === losses)
          cursors.set(account, { ...now, place: { positions, losses } });
        gaps.push({ account, ...gap });
        return true;
      }),
    reportGap: (account, gap) => ask(() => void gaps.push({ account, ...gap })),
  };
}

const isSame = (a: UpdateCursor, b: UpdateCursor): boolean =>
  a.pts === b.pts && a.qts === b.qts && a.date === b.date && a.seq === b.seq;

/** @param holds whether an incarnation holds a token of this account */
export function createSimLosses(
  tables: CursorTables,
  ask: Ask,
  holds: (incarnation: string, account: string) => boolean,
): StreamLossStore {
  const { cursors, streams } = tables;

  function reached(partition: number): number {
    let seq = 0;
    for (const { place } of cursors.values()) {
      if (place.losses === tables.lossCount) seq = Math.max(seq, place.positions[partition] ?? 0);
    }
    return seq;
  }

  return {
    known: () =>
      ask(
        () => ({
          losses: tables.lossCount,
          streams: [...streams.values()].map((one) => ({
            ...one,
            lastSeq: Math.max(one.lastSeq, reached(one.partition)),
          })),
        }),
        { reads: true },
      ),
    note: (before, found, lost) =>
      ask(() => {
        if (tables.lossCount !== before) return { losses: tables.lossCount, isWritten: false };
        tables.losses.push(...lost);
        tables.lossCount += lost.length;
        for (const one of found) {
          const known = streams.get(one.partition);
          const isLost = lost.some(({ partition }) => partition === one.partition);
          const stays = known === undefined || isLost;
          streams.set(one.partition, {
            partition: one.partition,
            created: one.created,
            lastSeq: stays ? one.lastSeq : Math.max(known.lastSeq, one.lastSeq),
            settledSeq: stays ? one.settledSeq : Math.max(known.settledSeq, one.settledSeq),
          });
        }
        return { losses: tables.lossCount, isWritten: true };
      }),
    mark: (incarnation, counted, settled) =>
      ask(() => {
        if (counted !== tables.lossCount) return;
        for (const [account, { cursor, place }] of cursors) {
          if (place.losses !== counted || !holds(incarnation, account)) continue;
          markOne(tables, account, { cursor, place }, settled);
        }
      }),
  };
}

function markOne(
  { marks, readings }: CursorTables,
  account: string,
  { cursor, place }: { readonly cursor: UpdateCursor; readonly place: StreamPlace },
  settled: Positions,
): void {
  let mark = marks.get(account);
  if (mark === undefined) return;
  const { next } = mark;
  const isReached =
    next !== null &&
    next.losses === place.losses &&
    next.positions.every((seq, partition) => seq <= (settled[partition] ?? 0));
  if (isReached) mark = { settled: next.cursor, next: null };
  const mayMark = mark.next === null || mark.next.losses !== place.losses;
  if (mayMark && !isSame(cursor, mark.settled) && !readings.has(account)) {
    mark = { ...mark, next: { cursor, ...place } };
  }
  marks.set(account, mark);
}
