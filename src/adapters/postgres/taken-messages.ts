import type { Queries } from "./database.ts";

/*
 * The authority on duplicates. Every inbound message is marked in the statement that writes its turn, and the mark's
 * key refuses a second one. The commit of turns writes its marks itself, and says so in `turns.marked`: that is cheaper
 * than the trigger, which marks for every other writer. Marks outlive the turns.
 */

/** The constraint that a message breaks that took effect before. */
export const takenBefore = "taken_messages_pkey";

/** The mark of the message of the row. */
export const markOf = (row: string): string =>
  `taken_mark(${row}.channel, ${row}.account, ${row}.inbound_id)`;

/** Whether the message with this mark took effect. */
export const isMarked = (mark: string): string =>
  `exists (select from taken_messages k where k.mark = ${mark})`;

/** Marks the messages of rows that have their marks, and whose turns are written in the same statement. */
export const markThem = (rows: string): string =>
  `insert into taken_messages (mark, taken_on, account_mark)
    select mark, (now() at time zone 'UTC')::date, taken_account_mark(channel, account) from ${rows}`;

/** Whether the message with these values took effect. */
export const isTakenMessage = (channel: string, account: string, inboundId: string): string =>
  isMarked(`taken_mark(${channel}, ${account}, ${inboundId})`);

/** Whether the message of the row took effect. */
export const isTaken = (row: string): string => isMarked(markOf(row));

/**
 * A session that was erased has a mark as well, under a channel that there is none of. The next run of a message that
 * was at work just then is refused by it.
 */
export const erasedSessionMark = (account: string, sessionId: string): string =>
  `taken_mark('erased session', ${account}, ${sessionId})`;

/**
 * So has a user who was forgotten. It goes no earlier than the marks of the user's messages, which have outlived the
 * sessions: without those, nothing else tells that there were any.
 */
export const forgottenUserMark = (channel: string, account: string, chatUser: string): string =>
  `taken_mark('forgotten user', ${account}, ${channel} || ' ' || ${chatUser})`;

const windowDays = 31;
/** Marks before the last window go in one statement. */
const windows = 36;

/** Window by window, so that no statement reads the whole table: another account of the name begins anew. */
export async function forgetMarksOf(
  queries: Queries,
  channel: string,
  account: string,
): Promise<void> {
  const text = `delete from taken_messages
    where account_mark = taken_account_mark($1, $2)
      and taken_on > current_date - ($3::int + 1) * ${windowDays} and taken_on <= current_date + 1 - $3::int * ${windowDays}`;
  const older = `delete from taken_messages
    where account_mark = taken_account_mark($1, $2) and taken_on <= current_date + 1 - $3::int * ${windowDays}`;
  for (let window = 0; window < windows; window += 1) {
    await queries.query(text, [channel, account, window]);
  }
  await queries.query(older, [channel, account, windows]);
}
