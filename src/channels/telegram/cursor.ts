import type { Clock } from "../../concurrency/clock.ts";
import { createWorker } from "../../concurrency/worker.ts";
import type { CursorStore } from "../../ports/conversation/cursor-store.ts";
import type { EventSink } from "../../ports/accounts/event-sink.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type { InboundStream } from "../../ports/conversation/inbound-stream.ts";
import type { StreamLosses } from "../../ports/conversation/stream-losses.ts";
import { furthest, nowhere, type StreamPlace } from "../../ports/conversation/stream-state.ts";
import type { AccountUpdate, TelegramClient, UpdateCursor } from "../../ports/telegram/telegram.ts";
import type { CursorWork } from "./work.ts";
import { faultReason } from "../../ports/telegram/telegram-error.ts";
import type { UnheardReason } from "../../conversation/whom.ts";
import { createGapReader } from "./gap-reading.ts";
import { inboundItems } from "./items.ts";
import { gapStays, isEndOfClient, isTokenLost, standsStill, tokenMoved } from "./faults.ts";
import { createPendingUpdates, type Run } from "./pending.ts";
import { createPresses } from "./presses.ts";
import { pressesMissing } from "./read-by-ids.ts";
import { createRest } from "./rest.ts";
import { watchSilence } from "./silence.ts";

export interface UpdateCursorOptions {
  readonly client: Pick<
    TelegramClient,
    "cursor" | "difference" | "dialogs" | "history" | "messagesById" | "answerTap"
  >;
  readonly grant: GrantRef;
  readonly store: CursorStore;
  readonly stream: Pick<InboundStream, "append">;
  /** Of the streams behind `stream`. */
  readonly losses: StreamLosses;
  readonly clock: Clock;
  readonly events: EventSink;
  /** The user is an account of this fleet. */
  isFleets(userId: string): boolean;
  /** Nothing is made of a message, and why. */
  onUnheard(reason: UnheardReason): void;
  /** The token is not ours any more: this work has stopped. */
  onTokenLost(): void;
}

/** Pushes far behind the cursor lead to one question in this time. */
const stateAskedEveryMs = 60_000;

/**
 * Follows an account's updates into the stream. The cursor is ours: it advances only after the
 * stream has acknowledged everything before it, so that a crash delivers again and never loses.
 * Pushes that fit are taken, older ones are dropped, and any gap is fetched
 * (https://core.telegram.org/api/updates). The stored cursor belongs to the account, so the next
 * slot continues from it. The common pts carries over; the slot's first difference brings its own
 * date and seq. Where the streams have lost what they had acknowledged, the cursor goes back.
 */
export function createUpdateCursor(options: UpdateCursorOptions): CursorWork {
  const { client, grant, store, stream, losses, clock, events } = options;
  const { account } = grant;
  const pending = createPendingUpdates();
  const presses = createPresses(clock);
  let cursor: UpdateCursor = { pts: 0, qts: 0, date: 0, seq: 0 };
  /** The store's cursor, as far as this holder wrote or read it. */
  let stored: UpdateCursor | null = null;
  let place: StreamPlace = { positions: nowhere, losses: 0 };
  /** Where the last fetch began: this client was given everything since. */
  let since = 0;
  let stateAskedAtMs = Number.NEGATIVE_INFINITY;
  /** What is fetched again after a loss of the streams; null for none. */
  let again: { readonly fromPts: number; readonly toPts: number; recovered: number } | null = null;
  /** Answers to taps that Telegram has not acknowledged. */
  const answers = new Set<Promise<void>>();
  let state: "waiting" | "following" | "stopped" = "waiting";
  /** A reading that the store had was taken up: from then on this client knows more than the store. */
  let hasResumed = false;

  const isStopped = (): boolean => state === "stopped";
  /** The streams have lost something since the cursor was read or set. That is stored before anything of it. */
  const isBehindLoss = (): boolean => losses.count > place.losses;
  const note = (code: string, message: string): void =>
    events.report({ type: "note", account, code, message });

  const reader = createGapReader({
    client,
    grant,
    store,
    clock,
    events,
    append: keep,
    place: () => place,
    isBehindLoss,
    onTokenLost: loseToken,
  });
  const rest = createRest(clock, begin);
  const silence = watchSilence(clock, fetchSoon);
  const worker = createWorker(work, fail);
  let stopListening = (): void => {};

  /** The effect comes after the commit: stored in the stream, then acknowledged to Telegram. */
  async function keep(updates: readonly AccountUpdate[]): Promise<void> {
    const items = inboundItems(updates, {
      account,
      receivedAtMs: clock.now(),
      pressName: presses.nameOf,
      isFleets: options.isFleets,
      onUnheard: options.onUnheard,
    });
    if (items.length > 0) {
      const positions = await stream.append(items);
      place = { ...place, positions: furthest(place.positions, positions) };
    }
    for (const update of updates) {
      if (update.kind !== "tap") continue;
      const answering = client
        .answerTap(update.queryId)
        .catch(() => {
          // The button stops spinning by itself, and the press is stored.
        })
        .finally(() => {
          presses.answered(update);
          answers.delete(answering);
        });
      answers.add(answering);
    }
  }

  const append = (updates: readonly AccountUpdate[]): Promise<void> =>
    keep(updates.filter((update) => !reader.leaves(update)));

  async function advance(next: UpdateCursor, at = place): Promise<void> {
    if (!(await store.advance(grant, stored, next, at))) throw tokenMoved(grant);
    stored = next;
    cursor = next;
  }

  /** An account without a cursor: what comes from now on is its. */
  async function beginHere(): Promise<void> {
    place = { positions: nowhere, losses: losses.count };
    await advance(await client.cursor());
  }

  async function fetch(): Promise<void> {
    const asksState = pending.asksState;
    const succeeded = pending.fetching();
    if (asksState) await askState();
    since = cursor.pts;
    for (;;) {
      const found = await client.difference(cursor);
      if (isBehindLoss()) {
        await goBack();
        since = cursor.pts;
        continue;
      }
      if (found.kind === "too-long") {
        await pass(found.pts, await client.cursor());
        since = cursor.pts;
        continue;
      }
      const from = cursor.pts;
      await append(found.updates);
      if (again !== null) again.recovered += found.updates.length;
      await advance(found.cursor);
      if (found.kind === "last" || isStopped()) break;
      if (found.cursor.pts <= from) throw standsStill(from);
    }
    succeeded();
    await reportAgain();
  }

  /** What Telegram skips is read back from histories; that is kept first, and then the cursor passes it. */
  async function pass(toPts: number, { qts, date, seq }: UpdateCursor): Promise<void> {
    await reader.begin({ fromPts: cursor.pts, toPts, sinceDate: cursor.date });
    await advance({ pts: toPts, qts, date, seq });
  }

  /** Telegram may count anew from a lower pts: then what came since the cursor's date is read back. */
  async function askState(): Promise<void> {
    const now = await client.cursor();
    stateAskedAtMs = clock.monotonicMs();
    if (now.pts >= cursor.pts) return;
    note("UPDATES_FELL_BACK", `Telegram counts updates anew: from ${cursor.pts} to ${now.pts}`);
    await pass(now.pts, now);
  }

  /** The streams have lost what they acknowledged: all that has not had its turn is fetched again. */
  async function goBack(): Promise<void> {
    const from = cursor;
    const marked = await store.settled(account);
    const to = marked === null || marked.pts > from.pts ? from : marked;
    const at: StreamPlace = { positions: nowhere, losses: losses.count };
    await reader.goBack(to);
    await advance(to, at);
    place = at;
    reader.goOn();
    if (marked !== null && marked.pts === from.pts) return;
    const fromPts = Math.min(again?.fromPts ?? to.pts, to.pts);
    again = { fromPts, toPts: Math.max(again?.toPts ?? from.pts, from.pts), recovered: 0 };
    pending.ask();
    note(
      "INBOUND_LOST",
      `NATS has lost messages that it had acknowledged; updates ${fromPts} to ${from.pts} are fetched again`,
    );
  }

  async function reportAgain(): Promise<void> {
    if (again === null) return;
    await store.reportGap(account, { ...again, missing: [pressesMissing] });
    again = null;
  }

  /** Stores the pushes that fit. Unacknowledged ones go back. */
  async function take(run: Run): Promise<void> {
    try {
      await append(run.updates);
      if (run.pts !== cursor.pts) {
        await advance({ ...cursor, pts: run.pts, date: Math.max(cursor.date, run.date) });
      }
    } catch (error) {
      pending.giveBack(run);
      throw error;
    }
    const isDue = clock.monotonicMs() - stateAskedAtMs >= stateAskedEveryMs;
    if (run.strays && isDue) pending.ask("state");
  }

  const mayWork = (): boolean => state === "following" && rest.isOver;

  async function work(): Promise<void> {
    if (!mayWork()) return;
    let fetchedAt: number | null = null;
    while (!isStopped() && (pending.size > 0 || isBehindLoss())) {
      while (isBehindLoss()) await goBack();
      const run = pending.take(cursor.pts, since);
      if (run.updates.length > 0 || run.pts !== cursor.pts) await take(run);
      if (run.blockedBy === null || isStopped()) continue;
      if (run.blockedBy === "gap" && fetchedAt === cursor.pts) throw gapStays(fetchedAt);
      await fetch();
      fetchedAt = cursor.pts;
    }
    rest.worked();
  }

  function begin(): void {
    if (mayWork()) void worker.wake();
  }

  function fetchSoon(): void {
    pending.ask();
    begin();
  }

  /** Begins nothing further, and leaves no timer and no listener behind. */
  function halt(): void {
    state = "stopped";
    stopListening();
    silence.stop();
    rest.cancel();
  }

  function loseToken(): void {
    halt();
    options.onTokenLost();
  }

  /** Only stored updates were acknowledged, so all of it is tried again. */
  function fail(error: unknown): void {
    if (isTokenLost(error)) return loseToken();
    if (isStopped()) return;
    if (isEndOfClient(error)) return halt();
    const reason = faultReason(error);
    note("UPDATES_DELAYED", `will be tried again: ${reason.code}: ${reason.message}`);
    rest.begin(error);
  }

  return {
    async anchor() {
      if ((await store.load(account)) === null) await beginHere();
    },
    async start() {
      const found = await store.load(account);
      if (found === null) await beginHere();
      else {
        stored = found.cursor;
        cursor = found.cursor;
        const isOfNow = found.place.losses === place.losses;
        const before = isOfNow ? place.positions : nowhere;
        place = { ...found.place, positions: furthest(before, found.place.positions) };
        if (found.reading !== null && !hasResumed) reader.resume(found.reading);
        hasResumed = true;
        if (isBehindLoss()) await goBack();
      }
      await fetch();
      if (isStopped()) return;
      state = "following";
      stopListening = losses.onLoss(begin);
      silence.heard();
      begin();
    },
    onUpdates(pushed) {
      if (isStopped()) return;
      if (state === "following") silence.heard();
      if (pushed === null) {
        pending.ask();
        reader.connectionBack();
        rest.connectionBack();
        return begin();
      }
      const unknown = pushed.filter(({ ask }) => ask === "fetch").length;
      if (unknown > 0)
        note("USER_UNKNOWN", `updates are fetched for ${unknown} users not known yet`);
      const { lost } = pending.add(pushed);
      if (lost > 0) note("TAPS_LOST", `${lost} button presses did not fit the queue`);
      begin();
    },
    async stop() {
      const stateBefore = state;
      halt();
      await Promise.all([worker.stop(), reader.stop()]);
      // Stores the pending pushes that fit; the next client fetches a push after a gap or a loss, and no press.
      const mayStore = stateBefore === "following" && !isBehindLoss();
      if (mayStore && pending.size > 0) {
        const run = pending.take(cursor.pts, since);
        await take({ ...run, updates: [...run.updates, ...pending.takePresses()] }).catch(fail);
      }
      // Before the gap is filled, nothing but them may be stored.
      if (!mayStore && stateBefore !== "stopped") await keep(pending.takePresses()).catch(fail);
      await Promise.all(answers);
    },
  };
}
