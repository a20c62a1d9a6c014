import { HoldfastError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { CursorStore } from "../ports/conversation-store.ts";
import type { EventSink } from "../ports/event-sink.ts";
import type { GrantRef } from "../ports/gate.ts";
import type { InboundItem, InboundStream } from "../ports/inbound-stream.ts";
import type {
  AccountUpdate,
  PushedUpdate,
  TelegramClient,
  UpdateCursor,
} from "../ports/telegram.ts";
import type { CursorWork } from "./account-world.ts";
import { faultReason } from "./fault-reason.ts";
import { readBack } from "./update-read-back.ts";

export interface UpdateCursorOptions {
  readonly client: TelegramClient;
  readonly grant: GrantRef;
  readonly store: CursorStore;
  readonly stream: InboundStream;
  readonly clock: Clock;
  readonly events: EventSink;
  /** The token is not ours any more: this work has stopped. */
  onTokenLost(): void;
}

/** Pushes kept at most while earlier ones are settled; beyond that, they are fetched instead. */
const pendingMax = 1000;
const retryMs = 500;

/**
 * Follows an account's updates into the stream. The cursor is ours: it advances only after the stream has
 * acknowledged what lies before it, so that a crash delivers again and never loses. Pushes that fit are
 * taken, what lies behind is dropped, and any gap is fetched (https://core.telegram.org/api/updates).
 */
export function createUpdateCursor(options: UpdateCursorOptions): CursorWork {
  const { client, grant, store, stream, clock, events } = options;
  const { account } = grant;
  let cursor: UpdateCursor = { pts: 0, qts: 0, date: 0, seq: 0 };
  let pending: PushedUpdate[] = [];
  let mustFetch = false;
  let working: Promise<void> | null = null;
  let stopped = false;
  let started = false;

  async function settle(updates: readonly AccountUpdate[], next: UpdateCursor): Promise<void> {
    const items = updates.flatMap((update) => itemOf(account, update, clock.now()));
    if (items.length > 0) await stream.append(items);
    if (next !== cursor) {
      if (!(await store.advance(grant, next))) throw tokenMoved(grant);
      cursor = next;
    }
    for (const update of updates) {
      if (update.kind === "tap") client.answerTap(update.queryId).catch(() => undefined);
    }
  }

  async function fetch(): Promise<void> {
    for (;;) {
      const found = await client.difference(cursor);
      if (found.kind === "too-long") {
        await recover(found.pts);
        continue;
      }
      await settle(found.updates, found.cursor);
      if (found.kind === "last") return;
    }
  }

  /** Telegram gave up on the difference: what history still shows is taken, the rest is reported. */
  async function recover(toPts: number): Promise<void> {
    const fromPts = cursor.pts;
    const { qts, date, seq } = await client.cursor();
    const updates = await readBack(client, cursor.date);
    await settle(updates, { pts: toPts, qts, date, seq });
    await store.reportGap(account, { fromPts, toPts, recovered: updates.length });
    events.report({
      type: "note",
      account,
      code: "UPDATE_GAP",
      message: `Telegram skipped updates ${fromPts} to ${toPts}; ${updates.length} messages were read back from history`,
    });
  }

  /** The longest run of pushes that fits the cursor; the rest waits for a fetch. */
  async function take(): Promise<void> {
    const batch = pending;
    pending = [];
    const updates: AccountUpdate[] = [];
    let { pts } = cursor;
    for (const [index, pushed] of batch.entries()) {
      if (pushed.pts !== null) {
        if (pushed.pts <= pts) continue;
        if (pushed.pts - pushed.ptsCount !== pts) {
          pending = [...batch.slice(index), ...pending];
          mustFetch = true;
          break;
        }
        ({ pts } = pushed);
      }
      if (pushed.update !== null) updates.push(pushed.update);
    }
    await settle(updates, pts === cursor.pts ? cursor : { ...cursor, pts });
  }

  async function work(): Promise<void> {
    while (!stopped && (mustFetch || pending.length > 0)) {
      if (mustFetch) {
        mustFetch = false;
        await fetch();
      } else {
        await take();
      }
    }
  }

  function begin(): void {
    if (working !== null || stopped || !started) return;
    working = work()
      .catch((error: unknown) => fail(error))
      .finally(() => {
        working = null;
        if (mustFetch || pending.length > 0) clock.schedule(0, begin);
      });
  }

  /** Nothing was acknowledged that is not stored, so all of it can be fetched again. */
  async function fail(error: unknown): Promise<void> {
    if (error instanceof HoldfastError && error.code === "TOKEN_LOST") {
      stopped = true;
      options.onTokenLost();
      return;
    }
    if (stopped) return;
    events.report({
      type: "note",
      account,
      code: "UPDATES_DELAYED",
      message: faultReason(error).message,
    });
    await new Promise<void>((resolve) => clock.schedule(retryMs, resolve));
    pending = [];
    mustFetch = true;
  }

  return {
    async start() {
      const known = await store.load(account);
      if (known === null) {
        const first = await client.cursor();
        if (!(await store.advance(grant, first))) throw tokenMoved(grant);
        cursor = first;
      } else {
        cursor = known;
      }
      await fetch();
      started = true;
      begin();
    },
    onUpdates(pushed) {
      if (stopped) return;
      if (pushed === null || pending.length + pushed.length > pendingMax) {
        pending = pending.filter(({ pts }) => pts === null);
        mustFetch = true;
      }
      if (pushed !== null) pending.push(...pushed.slice(0, pendingMax));
      begin();
    },
    async stop() {
      stopped = true;
      await working;
    },
  };
}

function itemOf(account: string, update: AccountUpdate, receivedAtMs: number): InboundItem[] {
  const { peer, messageId } = update;
  const common = {
    channel: "telegram",
    account,
    chatUser: peer.userId,
    peer,
    receivedAtMs,
  } as const;
  if (update.kind === "tap") {
    const inboundId = `tap:${messageId}:${update.data}`;
    return [{ ...common, inboundId, kind: "tap", text: update.data }];
  }
  if (update.outgoing) return [];
  return [{ ...common, inboundId: `m:${messageId}`, kind: "text", text: update.text }];
}

function tokenMoved({ account, slot, epoch }: GrantRef): HoldfastError {
  return new HoldfastError({
    code: "TOKEN_LOST",
    message: `The token of ${account} slot ${slot} moved on from epoch ${epoch}; its cursor is not ours.`,
    next: "The account is sought again by itself.",
    policy: "retryable",
  });
}
