import type { Clock } from "../../concurrency/clock.ts";
import { createWorker } from "../../concurrency/worker.ts";
import type { EventSink } from "../../ports/accounts/event-sink.ts";
import type { CursorStore, GapReading } from "../../ports/conversation/cursor-store.ts";
import type { StreamPlace } from "../../ports/conversation/stream-state.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import { faultReason } from "../../ports/telegram/telegram-error.ts";
import type {
  AccountUpdate,
  ChatPeer,
  TelegramClient,
  UpdateCursor,
} from "../../ports/telegram/telegram.ts";
import { isEndOfClient, isTokenLost } from "./faults.ts";
import { createKeptReading, type KeptReading, type Reading } from "./kept-reading.ts";
import { chatsSince, messagesSince } from "./read-back.ts";
import { beyondIdOf, everyChat, messagesBeyond, newestIdBefore } from "./read-by-ids.ts";
import { createRest } from "./rest.ts";

export interface GapReaderOptions {
  readonly client: Pick<TelegramClient, "dialogs" | "history" | "messagesById">;
  readonly grant: GrantRef;
  readonly store: Pick<CursorStore, "keepReading" | "endReading">;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Stores what was read back in the stream. */
  append(updates: readonly AccountUpdate[]): Promise<void>;
  /** Where the account's items are stored by now. */
  place(): StreamPlace;
  /** The streams have lost something, and the cursor has not gone back yet: nothing may be stored before it. */
  isBehindLoss(): boolean;
  onTokenLost(): void;
}

/**
 * Reads a gap back from histories, or for a bot by the ids of its messages, beside the updates that go on. How far it
 * has come is kept, so a flood wait or another process goes on there. Until a chat is read, its pushed messages are
 * left to the reading: so they come in their order.
 */
export interface GapReader {
  /** Goes on with what was kept. */
  resume(kept: GapReading): void;
  /**
   * The cursor goes back to here, behind what the streams have lost: a reading of later messages would bring them
   * before earlier ones. It begins there as well, and that is kept.
   */
  goBack(to: Pick<UpdateCursor, "pts" | "date">): Promise<void>;
  /** The cursor has gone back: what is stored from now on comes behind what was lost. */
  goOn(): void;
  /** Finds the chats to be read, and keeps them; then the cursor may pass the gap. */
  begin(gap: Pick<GapReading, "fromPts" | "toPts" | "sinceDate">): Promise<void>;
  /** The reading will bring this update. */
  leaves(update: AccountUpdate): boolean;
  connectionBack(): void;
  /** Begins no further call. Resolves when the one under way has ended. */
  stop(): Promise<void>;
}

/** A chat that is being read, and whether something was pushed for it meanwhile. */
interface ChatRead {
  readonly userId: string;
  pushed: boolean;
}

export function createGapReader(options: GapReaderOptions): GapReader {
  const { client, grant, clock, events } = options;
  const reading = createKeptReading(grant, options.store);
  let current: ChatRead | null = null;
  let isStopped = false;
  const rest = createRest(clock, begin);
  const worker = createWorker(round, fail);
  const chats = createChatReads(options, reading, {
    isStopped: () => isStopped,
    isOver: (chat) => current !== chat || options.isBehindLoss(),
  });

  const note = (code: string, message: string): void =>
    events.report({ type: "note", account: grant.account, code, message });

  function begin(): void {
    if (!isStopped && rest.isOver && reading.now !== null) void worker.wake();
  }

  async function round(): Promise<void> {
    if (!rest.isOver) return;
    while (reading.now !== null && !isStopped && !options.isBehindLoss()) {
      const [peer] = reading.now.unread.values();
      if (peer === undefined) return finish(reading.now);
      current = { userId: peer.userId, pushed: true };
      const beyondId = beyondIdOf(peer);
      const isRead =
        beyondId === null
          ? await chats.read(reading.now, peer, current)
          : await chats.readEvery(reading.now, beyondId, current);
      if (isRead) await leave(peer.userId);
      rest.worked();
    }
  }

  async function leave(userId: string): Promise<void> {
    current = null;
    reading.now?.unread.delete(userId);
    await reading.keep();
  }

  async function finish(ended: Reading): Promise<void> {
    await reading.end(ended, options.place());
    note("UPDATE_GAP", gapMessage(ended));
    await reading.keep();
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
      reading.add(kept);
      begin();
    },
    async goBack({ pts, date }) {
      if (reading.now === null) return;
      current = null;
      reading.widen({ fromPts: pts, sinceDate: date });
      await reading.keep();
    },
    goOn: begin,
    async begin(gap) {
      const { found, missing } = await chatsSince(client, gap.sinceDate);
      reading.add({ ...gap, unread: found, missing, recovered: 0 });
      // What the chat under way has read may lie before this gap.
      if (current !== null) current.pushed ||= reading.now?.unread.has(current.userId) === true;
      await reading.keep();
      begin();
    },
    leaves(update) {
      if (update.kind !== "message" || reading.now === null) return false;
      const unread = [update.peer, everyChat(0)].find(({ userId }) =>
        reading.now?.unread.has(userId),
      );
      if (unread === undefined) return false;
      if (current?.userId === unread.userId) current.pushed = true;
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

interface ChatEnds {
  isStopped(): boolean;
  /** Nothing more of the chat may be stored: it is read anew. */
  isOver(chat: ChatRead): boolean;
}

/** Both answer whether the chat is read to its end, until nothing is pushed for it while it is read. */
function createChatReads(
  { client, append }: Pick<GapReaderOptions, "client" | "append">,
  reading: KeptReading,
  { isStopped, isOver }: ChatEnds,
) {
  return {
    async read(of: Reading, peer: ChatPeer, chat: ChatRead): Promise<boolean> {
      let beyondId = 0;
      let { recovered } = of;
      while (chat.pushed) {
        chat.pushed = false;
        const read = await messagesSince(client, peer, { sinceDate: of.sinceDate, beyondId });
        if (isOver(chat)) return false;
        await append(read.found);
        if (isOver(chat)) return false;
        recovered += read.found.length;
        beyondId = read.found.at(-1)?.messageId ?? beyondId;
        reading.note({ recovered, missing: read.missing });
        if (isStopped()) return false;
      }
      return true;
    },
    /** How far it has come is kept after each page. */
    async readEvery(of: Reading, from: number, chat: ChatRead): Promise<boolean> {
      const { sinceDate } = of;
      let { recovered } = of;
      let beyondId = await newestIdBefore(client, sinceDate, from);
      while (chat.pushed) {
        chat.pushed = false;
        for await (const { found, readId } of messagesBeyond(client, { sinceDate, beyondId })) {
          if (isOver(chat)) return false;
          await append(found);
          if (isOver(chat)) return false;
          recovered += found.length;
          beyondId = readId;
          reading.note({ recovered, missing: [] });
          reading.now?.unread.set(chat.userId, everyChat(beyondId));
          await reading.keep();
          if (isStopped() || isOver(chat)) return false;
        }
      }
      return true;
    },
  };
}

function gapMessage({ fromPts, toPts, recovered, missing }: Reading): string {
  const lacks = missing.length === 0 ? "" : `; missing: ${missing.join("; ")}`;
  return `Telegram skipped updates ${fromPts} to ${toPts}; ${recovered} messages were read back${lacks}`;
}
