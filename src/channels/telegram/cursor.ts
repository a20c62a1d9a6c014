import type { Clock } from "../../concurrency/clock.ts";
import { createWorker } from "../../concurrency/worker.ts";
import type { CursorStore } from "../../ports/conversation/cursor-store.ts";
import type { EventSink } from "../../ports/accounts/event-sink.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type { InboundStream } from "../../ports/conversation/inbound-stream.ts";
import type { AccountUpdate, TelegramClient, UpdateCursor } from "../../ports/telegram/telegram.ts";
import type { CursorWork } from "./work.ts";
import { faultReason } from "../../ports/telegram/telegram-error.ts";
import type { UnheardReason } from "../../conversation/whom.ts";
import { inboundItems } from "./items.ts";
import {
  delayMsAfter,
  gapStays,
  isEndOfClient,
  isFlood,
  isTokenLost,
  standsStill,
  tokenMoved,
} from "./faults.ts";
import { createPendingUpdates } from "./pending.ts";
import { createPresses } from "./presses.ts";
import { readBack } from "./read-back.ts";

export interface UpdateCursorOptions {
  readonly client: Pick<
    TelegramClient,
    "cursor" | "difference" | "dialogs" | "history" | "answerTap"
  >;
  readonly grant: GrantRef;
  readonly store: CursorStore;
  readonly stream: Pick<InboundStream, "append">;
  readonly clock: Clock;
  readonly events: EventSink;
  /** The user is an account of this fleet. */
  isFleets(userId: string): boolean;
  /** Nothing is made of a message, and why. */
  onUnheard(reason: UnheardReason): void;
  /** The token is not ours any more: this work has stopped. */
  onTokenLost(): void;
}

/**
 * Follows an account's updates into the stream. The cursor is ours: it advances only after the
 * stream has acknowledged everything before it, so that a crash delivers again and never loses.
 * Pushes that fit are taken, older ones are dropped, and any gap is fetched
 * (https://core.telegram.org/api/updates). The stored cursor belongs to the account, so the next
 * slot continues from it. The common pts carries over; the slot's first difference brings its own
 * date and seq.
 */
export function createUpdateCursor(options: UpdateCursorOptions): CursorWork {
  const { client, grant, store, stream, clock, events } = options;
  const { account } = grant;
  const pending = createPendingUpdates();
  const presses = createPresses(clock);
  let cursor: UpdateCursor = { pts: 0, qts: 0, date: 0, seq: 0 };
  /** The store's cursor, as far as this holder wrote or read it. */
  let stored: UpdateCursor | null = null;
  /** Answers to taps that Telegram has not acknowledged. */
  const answers = new Set<Promise<void>>();
  let mustFetch = false;
  let state: "waiting" | "following" | "stopped" = "waiting";
  let failures = 0;
  /** Something failed: until when nothing is tried, or until the connection is back. */
  let rest: { readonly forFlood: boolean; readonly cancel: () => void } | null = null;

  const isStopped = (): boolean => state === "stopped";
  const note = (code: string, message: string): void =>
    events.report({ type: "note", account, code, message });

  /** The effect comes after the commit: stored in the stream, then acknowledged to Telegram. */
  async function append(updates: readonly AccountUpdate[]): Promise<void> {
    const items = inboundItems(updates, {
      account,
      receivedAtMs: clock.now(),
      pressName: presses.nameOf,
      isFleets: options.isFleets,
      onUnheard: options.onUnheard,
    });
    if (items.length > 0) await stream.append(items);
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

  async function advance(next: UpdateCursor): Promise<void> {
    if (!(await store.advance(grant, stored, next))) throw tokenMoved(grant);
    stored = next;
    cursor = next;
  }

  async function fetch(): Promise<void> {
    for (;;) {
      const found = await client.difference(cursor);
      if (found.kind === "too-long") {
        await recover(found.pts);
        continue;
      }
      const from = cursor.pts;
      await append(found.updates);
      await advance(found.cursor);
      if (found.kind === "last" || isStopped()) return;
      if (found.cursor.pts <= from) throw standsStill(from);
    }
  }

  /**
   * Telegram gave up on the difference: the messages still in the history are taken, the rest is
   * reported.
   */
  async function recover(toPts: number): Promise<void> {
    const fromPts = cursor.pts;
    const { qts, date, seq } = await client.cursor();
    const updates = await readBack(client, cursor.date);
    await append(updates);
    await store.reportGap(account, { fromPts, toPts, recovered: updates.length });
    await advance({ pts: toPts, qts, date, seq });
    note(
      "UPDATE_GAP",
      `Telegram skipped updates ${fromPts} to ${toPts}; ${updates.length} messages were read back from history`,
    );
  }

  /** Stores the pushes that fit. Unacknowledged ones go back. `true`: a gap follows. */
  async function take(): Promise<boolean> {
    const run = pending.take(cursor.pts);
    try {
      await append(run.updates);
      if (run.pts !== cursor.pts) {
        await advance({ ...cursor, pts: run.pts, date: Math.max(cursor.date, run.date) });
      }
      return run.gap;
    } catch (error) {
      pending.giveBack(run);
      mustFetch = true;
      throw error;
    }
  }

  const mayWork = (): boolean => state === "following" && rest === null;

  async function work(): Promise<void> {
    if (!mayWork()) return;
    let fetchedAt: number | null = null;
    while (!isStopped() && (mustFetch || pending.size > 0)) {
      if (mustFetch) {
        mustFetch = false;
        try {
          await fetch();
        } catch (error) {
          mustFetch = true;
          throw error;
        }
        fetchedAt = cursor.pts;
      } else if (await take()) {
        mustFetch = true;
        if (fetchedAt === cursor.pts) throw gapStays(fetchedAt);
      }
    }
    failures = 0;
  }

  const worker = createWorker(work, fail);

  function begin(): void {
    if (mayWork()) void worker.wake();
  }

  /** Only stored updates were acknowledged, so all of it is tried again. */
  function fail(error: unknown): void {
    if (isTokenLost(error)) {
      state = "stopped";
      options.onTokenLost();
      return;
    }
    if (isStopped()) return;
    const reason = faultReason(error);
    if (isEndOfClient(error)) {
      state = "stopped";
      return;
    }
    note("UPDATES_DELAYED", `will be tried again: ${reason.code}: ${reason.message}`);
    const cancel = clock.schedule(delayMsAfter(error, failures), goOn);
    rest = { forFlood: isFlood(error), cancel };
    failures += 1;
  }

  function goOn(): void {
    rest?.cancel();
    rest = null;
    begin();
  }

  return {
    async anchor() {
      if ((await store.load(account)) === null) await advance(await client.cursor());
    },
    async start() {
      stored = await store.load(account);
      if (stored === null) await advance(await client.cursor());
      else cursor = stored;
      await fetch();
      if (isStopped()) return;
      state = "following";
      begin();
    },
    onUpdates(pushed) {
      if (isStopped()) return;
      if (pushed === null) {
        mustFetch = true;
        if (rest?.forFlood === false) goOn();
        else begin();
        return;
      }
      const { lost, collapsed } = pending.add(pushed);
      mustFetch ||= collapsed;
      if (lost > 0) note("TAPS_LOST", `${lost} button presses did not fit the queue`);
      begin();
    },
    async stop() {
      const wasFollowing = state === "following";
      state = "stopped";
      rest?.cancel();
      await worker.stop();
      // Stores the pending pushes that fit; the next client fetches a push after a gap.
      if (wasFollowing && pending.size > 0) await take().catch(fail);
      await Promise.all(answers);
    },
  };
}
