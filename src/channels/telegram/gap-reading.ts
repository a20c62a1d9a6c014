import type { Clock } from "../../concurrency/clock.ts";
import { serially } from "../../concurrency/serially.ts";
import { createWorker } from "../../concurrency/worker.ts";
import type { EventSink } from "../../ports/accounts/event-sink.ts";
import type { CursorStore, GapReading } from "../../ports/conversation/cursor-store.ts";
import type { StreamPlace } from "../../ports/conversation/stream-state.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import { faultReason } from "../../ports/telegram/telegram-error.ts";
import type { AccountUpdate, ChatPeer, TelegramClient } from "../../ports/telegram/telegram.ts";
import { isEndOfClient, isTokenLost, tokenMoved } from "./faults.ts";
import { chatsSince, messagesSince } from "./read-back.ts";
import { createRest } from "./rest.ts";

export interface GapReaderOptions {
  readonly client: Pick<TelegramClient, "dialogs" | "history">;
  readonly grant: GrantRef;
  readonly store: Pick<CursorStore, "keepReading" | "endReading">;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Stores what was read back in the stream. */
  append(updates: readonly AccountUpdate[]): Promise<void>;
  /** Where the account's items are stored by now. */
  place(): StreamPlace;
  onTokenLost(): void;
}

/**
 * Reads a gap back from histories, beside the updates that go on. How far it has come is kept, so a flood wait or
 * another process goes on there. Until a chat is read, its pushed messages are left to the reading: so they come in
 * their order.
 */
export interface GapReader {
  /** Goes on with what was kept. */
  resume(kept: GapReading): void;
  /** Finds the chats to be read, and keeps them; then the cursor may pass the gap. */
  begin(gap: Pick<GapReading, "fromPts" | "toPts" | "sinceDate">): Promise<void>;
  /** The reading will bring this update. */
  leaves(update: AccountUpdate): boolean;
  connectionBack(): void;
  /** Begins no further call. Resolves when the one under way has ended. */
  stop(): Promise<void>;
}

interface Reading extends Omit<GapReading, "unread"> {
  readonly unread: Map<string, ChatPeer>;
}

export function createGapReader(options: GapReaderOptions): GapReader {
  const { client, grant, store, clock, events } = options;
  let reading: Reading | null = null;
  /** The chat that is being read, and whether something was pushed for it meanwhile. */
  let current: { readonly userId: string; pushed: boolean } | null = null;
  let isStopped = false;
  const oneByOne = serially();
  const rest = createRest(clock, begin);
  const worker = createWorker(round, fail);

  const note = (code: string, message: string): void =>
    events.report({ type: "note", account: grant.account, code, message });

  function begin(): void {
    if (!isStopped && rest.isOver && reading !== null) void worker.wake();
  }

  const keep = (): Promise<void> =>
    oneByOne(async () => {
      if (reading === null) return;
      const kept = { ...reading, unread: [...reading.unread.values()] };
      if (!(await store.keepReading(grant, kept))) throw tokenMoved(grant);
    });

  async function round(): Promise<void> {
    if (!rest.isOver) return;
    while (reading !== null && !isStopped) {
      const [peer] = reading.unread.values();
      if (peer === undefined) return finish(reading);
      await readChat(reading, peer);
      rest.worked();
    }
  }

  async function readChat(of: Reading, peer: ChatPeer): Promise<void> {
    const { userId } = peer;
    const chat = { userId, pushed: true };
    current = chat;
    let beyondId = 0;
    const recovered = of.recovered;
    let count = 0;
    while (chat.pushed) {
      chat.pushed = false;
      const read = await messagesSince(client, peer, { sinceDate: of.sinceDate, beyondId });
      await options.append(read.found);
      count += read.found.length;
      beyondId = read.found.at(-1)?.messageId ?? beyondId;
      remember({ recovered: recovered + count, missing: read.missing });
      if (isStopped) return;
    }
    current = null;
    reading?.unread.delete(userId);
    await keep();
  }

  function remember({ recovered, missing }: Pick<GapReading, "recovered" | "missing">): void {
    if (reading === null) return;
    reading = { ...reading, recovered, missing: union(reading.missing, missing) };
  }

  /** What begins meanwhile is a reading of its own. */
  async function finish(ended: Reading): Promise<void> {
    reading = null;
    const { fromPts, toPts, recovered, missing } = ended;
    try {
      const gap = { fromPts, toPts, recovered, missing };
      const isMine = await oneByOne(() => store.endReading(grant, gap, options.place()));
      if (!isMine) throw tokenMoved(grant);
    } catch (error) {
      reading = merged(ended, reading);
      throw error;
    }
    const lacks = missing.length === 0 ? "" : `; missing: ${missing.join("; ")}`;
    note(
      "UPDATE_GAP",
      `Telegram skipped updates ${fromPts} to ${toPts}; ${recovered} messages were read back from history${lacks}`,
    );
    await keep();
  }

  function fail(error: unknown): void {
    current = null;
    if (isTokenLost(error)) {
      isStopped = true;
      options.onTokenLost();
      return;
    }
    if (isStopped || isEndOfClient(error)) return;
    const { code, message } = faultReason(error);
    note("UPDATES_DELAYED", `reading back goes on later: ${code}: ${message}`);
    rest.begin(error);
  }

  return {
    resume(kept) {
      const unread = new Map(kept.unread.map((peer) => [peer.userId, peer]));
      reading = merged({ ...kept, unread }, reading);
      begin();
    },
    async begin(gap) {
      const { found, missing } = await chatsSince(client, gap.sinceDate);
      const unread = new Map(found.map((peer) => [peer.userId, peer]));
      reading = merged({ ...gap, unread, missing, recovered: 0 }, reading);
      // What the chat under way has read may lie before this gap.
      if (current !== null && unread.has(current.userId)) current.pushed = true;
      await keep();
      begin();
    },
    leaves(update) {
      const { userId } = update.peer;
      if (update.kind !== "message" || reading?.unread.has(userId) !== true) return false;
      if (current?.userId === userId) current.pushed = true;
      return true;
    },
    connectionBack: rest.connectionBack,
    async stop() {
      isStopped = true;
      rest.cancel();
      await worker.stop();
    },
  };
}

/** One reading in place of two: from where the earlier one began, of the chats of both. */
function merged(newer: Reading, older: Reading | null): Reading {
  if (older === null) return newer;
  return {
    fromPts: Math.min(newer.fromPts, older.fromPts),
    toPts: Math.max(newer.toPts, older.toPts),
    sinceDate: Math.min(newer.sinceDate, older.sinceDate),
    unread: new Map([...newer.unread, ...older.unread]),
    recovered: newer.recovered + older.recovered,
    missing: union(newer.missing, older.missing),
  };
}

const union = (some: readonly string[], more: readonly string[]): readonly string[] => [
  ...new Set([...some, ...more]),
];
