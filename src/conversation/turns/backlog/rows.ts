import { type BatchLoop, createBatchLoop } from "../../../concurrency/batch-loop.ts";
import type { Clock } from "../../../concurrency/clock.ts";
import { errorLine } from "../../../errors.ts";
import type { EventSink } from "../../../ports/accounts/event-sink.ts";
import type { BacklogItem, BacklogStore } from "../../../ports/conversation/backlog-store.ts";
import type { PartitionClaim } from "../../../ports/conversation/conversation-store.ts";
import type { HeldItem } from "./item.ts";
import type { UserQueue } from "./user.ts";

export interface BacklogRowsOptions {
  readonly store: BacklogStore;
  readonly claim: PartitionClaim;
  readonly clock: Pick<Clock, "schedule">;
  readonly events: EventSink;
  readonly signal: AbortSignal;
  readonly heldPerUserMax: number;
  readonly retryDelayMs: number;
  /** They are rows; in the order in which they were added. */
  onMoved(items: readonly HeldItem[]): void;
  /** `isAll`: there are no more behind these. */
  onRead(user: UserQueue, rows: readonly BacklogItem[], isAll: boolean): void;
  onRemoved(items: readonly HeldItem[]): void;
  /** A newer owner has the partition: nothing becomes a row any more. */
  onLost(items: readonly HeldItem[]): void;
  /** The end has come: they stay as they are, for the next owner. */
  onLeft(items: readonly HeldItem[]): void;
}

/** Statements about the backlog: each for many items, one of each kind at a time, repeated until it succeeds. */
export interface BacklogRows {
  add(item: HeldItem): void;
  read(user: UserQueue): void;
  remove(item: HeldItem): void;
  /** Resolves when nothing is under way. Never rejects. */
  idle(): Promise<void>;
}

const itemsPerStatement = 500;
const usersPerStatement = 64;
const retryDelayMsMax = 30_000;

export function createBacklogRows(options: BacklogRowsOptions): BacklogRows {
  const { store, claim, clock, signal, retryDelayMs, heldPerUserMax } = options;
  let isLost = false;

  const loop = <Item>(
    of: Pick<Parameters<typeof createBatchLoop<Item>>[0], "sizeMax" | "run" | "onLeft">,
    accountOf: (item: Item | undefined) => string | undefined,
  ): BatchLoop<Item> =>
    createBatchLoop<Item>({
      clock,
      signal,
      restMs: retryDelayMs,
      restMsMax: retryDelayMsMax,
      ...of,
      onFault: (error, batch) =>
        options.events.report({
          type: "note",
          account: accountOf(batch[0]) ?? "–",
          code: "BACKLOG_UNREACHED",
          message: `the backlog of partition ${claim.partition} is tried again: ${errorLine(error)}`,
        }),
    });
  const accountOfItem = (item: HeldItem | undefined) => item?.user.key.account;

  async function add(batch: readonly HeldItem[]): Promise<void> {
    // Some of its user's earlier items may have been given back to the stream.
    if (signal.aborted) return options.onLeft(batch);
    const wanted = batch.filter(({ standing }) => standing === "open");
    const ended = batch.filter(({ standing }) => standing !== "open");
    if (wanted.length > 0 && !isLost) {
      for (const item of wanted) item.isTried = true;
      isLost = !(await store.add(
        claim,
        wanted.map(({ row }) => row),
      ));
    }
    if (isLost) return options.onLost(batch);
    options.onMoved(wanted);
    for (const item of ended) settleEnded(item);
  }

  /** Settled before it was a row; an earlier try may have made it one all the same. */
  function settleEnded(item: HeldItem): void {
    item.isMoving = false;
    if (item.isTried && item.standing === "over") remove(item);
    else options.onRemoved([item]);
  }

  const adding = loop<HeldItem>(
    { sizeMax: itemsPerStatement, run: add, onLeft: options.onLeft },
    accountOfItem,
  );
  const removing = loop<HeldItem>(
    {
      sizeMax: itemsPerStatement,
      async run(batch) {
        await store.remove(
          claim.partition,
          batch.map(({ user, position, inboundId }) => ({ ...user.key, position, inboundId })),
        );
        options.onRemoved(batch);
      },
      onLeft: options.onLeft,
    },
    accountOfItem,
  );
  const reading = loop<UserQueue>(
    {
      sizeMax: usersPerStatement,
      async run(batch) {
        const asked = batch.map((user) => {
          const { key, mark: after, added } = user;
          return { user, added, key, after, limit: Math.max(1, heldPerUserMax - user.held) };
        });
        const found = await store.read(claim.partition, asked);
        for (const [index, { user, added, limit }] of asked.entries()) {
          const rows = found[index] ?? [];
          options.onRead(user, rows, rows.length < limit && added === user.added);
        }
      },
      onLeft(users) {
        for (const user of users) user.isReading = false;
      },
    },
    (user) => user?.key.account,
  );
  const remove = (item: HeldItem) => removing.add(item);

  return {
    add: (item) => adding.add(item),
    read: (user) => reading.add(user),
    remove,
    async idle() {
      await Promise.all([adding.idle(), reading.idle()]);
      await removing.idle();
    },
  };
}
