import { createUpdateCursor } from "../../../src/engine/update-cursor.ts";
import type { CursorWork } from "../../../src/engine/account-world.ts";
import type { NoteEvent, TransitionEvent } from "../../../src/ports/event-sink.ts";
import type { InboundItem } from "../../../src/ports/inbound-stream.ts";
import type {
  AccountUpdate,
  Difference,
  PushedUpdate,
  TelegramFault,
  UpdateCursor,
} from "../../../src/ports/telegram.ts";
import { TelegramError } from "../../../src/ports/telegram-error.ts";
import { createTestClock, type TestClock } from "../../support/test-clock.ts";

export type Message = Extract<AccountUpdate, { kind: "message" }>;

/** A cursor over a scripted client, stream and store. `done` lists its steps, in order. */
export interface CursorBench {
  readonly cursor: CursorWork;
  readonly clock: TestClock;
  readonly done: readonly string[];
  readonly items: readonly InboundItem[];
  readonly notes: readonly string[];
  readonly gaps: readonly unknown[];
  readonly tokenLost: () => number;
  /** The content of the store. */
  stored: UpdateCursor | null;
  /** Replaces a step while it is set. */
  readonly faults: Partial<Record<"append" | "advance" | "difference" | "dialogs", Error>>;
  ownsToken: boolean;
  /** The next answers to `difference`; without one it is empty at the asked cursor. */
  readonly differences: Difference[];
  readonly dialogs: { peer: Message["peer"]; topMessageId: number; messages: Message[] }[];
  /** Holds the step until the returned function is called. */
  hold(step: "append" | "difference"): () => void;
  /** Resolves when everything possible without time or help is done. */
  settled(): Promise<void>;
}

export const cursorAt = (pts: number, date = 100): UpdateCursor => ({ pts, qts: 0, date, seq: 1 });

export function message(messageId: number, change: Partial<Message> = {}): Message {
  return {
    kind: "message",
    peer: { userId: "7", accessHash: "70" },
    messageId,
    text: `text ${messageId}`,
    outgoing: false,
    date: 100 + messageId,
    ...change,
  };
}

export function tap(messageId: number, data = "sites", queryId = "900"): AccountUpdate {
  return { kind: "tap", peer: { userId: "7", accessHash: "70" }, messageId, data, queryId };
}

export const counted = (pts: number, update: AccountUpdate | null, ptsCount = 1): PushedUpdate => ({
  update,
  pts,
  ptsCount,
});
export const uncounted = (update: AccountUpdate): PushedUpdate => ({
  update,
  pts: null,
  ptsCount: 0,
});

export function createCursorBench(stored: UpdateCursor | null): CursorBench {
  const clock = createTestClock();
  const done: string[] = [];
  const items: InboundItem[] = [];
  const notes: string[] = [];
  const gaps: unknown[] = [];
  const holds = new Map<string, Promise<void>>();
  let tokensLost = 0;

  async function step(name: "append" | "advance" | "difference" | "dialogs"): Promise<void> {
    await holds.get(name);
    const fault = bench.faults[name];
    if (fault !== undefined) throw fault;
  }

  const cursor = createUpdateCursor({
    grant: { account: "ada", slot: 1, epoch: 3 },
    clock,
    events: {
      report: (event: TransitionEvent | NoteEvent) => {
        if (event.type === "note") notes.push(event.code);
      },
    },
    onTokenLost: () => void (tokensLost += 1),
    stream: {
      async append(added) {
        await step("append");
        items.push(...added);
        done.push(`append ${added.map(({ inboundId }) => inboundId).join(" ")}`);
      },
    },
    store: {
      load: async () => bench.stored,
      async advance(_grant, _from, next) {
        await step("advance");
        if (!bench.ownsToken) return false;
        bench.stored = next;
        done.push(`advance ${next.pts}`);
        return true;
      },
      async reportGap(_account, gap) {
        gaps.push(gap);
        done.push("report gap");
      },
    },
    client: {
      async cursor() {
        done.push("cursor");
        return cursorAt(50, 500);
      },
      async difference(from) {
        done.push(`difference ${from.pts}`);
        await step("difference");
        return bench.differences.shift() ?? { kind: "last", updates: [], cursor: from };
      },
      async dialogs() {
        await step("dialogs");
        return bench.dialogs;
      },
      async history(peer, { limit, beforeId = Infinity }) {
        const dialog = bench.dialogs.find(({ peer: { userId } }) => userId === peer.userId);
        const older = dialog?.messages.filter(({ messageId }) => messageId < beforeId) ?? [];
        return older.toSorted((a, b) => b.messageId - a.messageId).slice(0, limit);
      },
      async answerTap(queryId) {
        done.push(`answer ${queryId}`);
      },
    },
  });

  const bench: CursorBench = {
    cursor,
    clock,
    done,
    items,
    notes,
    gaps,
    tokenLost: () => tokensLost,
    stored,
    faults: {},
    ownsToken: true,
    differences: [],
    dialogs: [],
    hold(name) {
      let release = () => {};
      holds.set(name, new Promise((resolve) => (release = resolve)));
      return () => {
        holds.delete(name);
        release();
      };
    },
    settled: () => new Promise((resolve) => setImmediate(resolve)),
  };
  return bench;
}

/** A cursor that follows, from pts 10, with nothing done yet. */
export async function following(): Promise<CursorBench & { since(): string[] }> {
  const bench = createCursorBench(cursorAt(10));
  await bench.cursor.start();
  const from = bench.done.length;
  return Object.assign(bench, { since: () => bench.done.slice(from) });
}

/**
 * The error that a call of the client rejects with; a broken wire unless `fault` says otherwise.
 */
export const failing = (fault: Partial<TelegramFault>): TelegramError =>
  new TelegramError({ code: "CONNECTION_LOST", kind: "unknown", message: "broken", ...fault });
