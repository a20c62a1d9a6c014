import { createWorker } from "../../concurrency/worker.ts";
import type { OutboxWork, ReplyTicket } from "./ticket.ts";
import { errorLine } from "../../errors.ts";
import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import type { Delivery } from "../../ports/conversation/channel.ts";
import { createOutboxLanes, type OutboxLane } from "./lanes.ts";
import { defaultOutboxLimits, type OutboxSenderOptions } from "./options.ts";
import { createOutboxSettling } from "./settling.ts";

export interface OutboxSender extends OutboxWork {
  /** Calls to Telegram that have not been answered. */
  readonly inFlight: number;
}

/**
 * Sends the replies of one source: in order per chat, each once, as the channel allows (I4). An
 * unknown outcome of an earlier attempt is settled by reading back before a newer reply of that
 * chat leaves. Driven by `notify`. It waits for time only where no event can tell: an absent
 * database, an outcome that stays unknown.
 */
export function createOutboxSender(options: OutboxSenderOptions): OutboxSender {
  const { account, replies, channel, clock, events } = options;
  const limits = { ...defaultOutboxLimits, ...options.limits };
  const lanes = createOutboxLanes();
  const note = (code: string, message: string) =>
    events.report({ type: "note", account, code, message });
  const settling = createOutboxSettling({
    store: replies,
    clock,
    retryDelayMs: limits.retryDelayMs,
    onFailure: (line) => note("OUTBOX_NOT_SETTLED", `will be tried again: ${line}`),
  });

  let paused = false;
  let stopped = false;
  let tokenLost = false;
  let recoveryDue = true;
  let claimDue = true;
  /** All that earlier attempts left is in the lanes: new replies may be claimed beside it. */
  let recovered = false;
  /** Calls in flight are waited for, and none begins. */
  let quiescing = false;
  /** Generation of the lanes' replies: earlier ones were given back, or will be read anew. */
  let generation = 0;
  /** Replies handed over during a claim: they wait, because the claimed ones may be older. */
  let handedMeanwhile: (readonly OutboxItem[])[] | null = null;
  let failures = 0;
  let cancelRetry: (() => void) | null = null;
  let takeOfferBack: (() => void) | null = null;
  const quietWaiters: (() => void)[] = [];

  const mayCall = options.mayCall ?? (() => true);
  const maySend = () => !paused && !stopped && !quiescing && mayCall();
  const mayWork = () => !paused && !stopped;
  const mayClaim = () => claimDue && recovered && mayWork();

  function retryLater(): void {
    cancelRetry?.();
    if (stopped) return;
    const delayMs = Math.min(limits.retryDelayMs * 2 ** failures, limits.retryDelayMsMax);
    failures += 1;
    cancelRetry = clock.schedule(delayMs, () => {
      recoveryDue ||= !recovered || lanes.blocked > 0;
      void worker.wake();
    });
  }

  function apply(lane: OutboxLane, item: OutboxItem, delivery: Delivery): void {
    switch (delivery.kind) {
      case "sent":
        lanes.shift(lane);
        settling.add({ id: item.id, messageId: delivery.messageId });
        options.onReply(delivery.readBack ? "read-back" : "sent");
        return;
      case "refused":
        lanes.shift(lane);
        settling.add({ id: item.id, failure: delivery.code });
        note("REPLY_REFUSED", `reply ${item.id}: ${delivery.code}: ${delivery.message}`);
        options.onReply("refused");
        return;
      case "flood":
        recoveryDue ||= delivery.reached;
        if (paused) return;
        paused = true;
        options.onFlood(delivery.waitSeconds);
        return;
      case "dead-key":
        lanes.block(lane);
        stopped = true;
        return;
      case "unknown":
        lanes.block(lane);
        note("REPLY_UNKNOWN", `reply ${item.id}: ${delivery.code}: ${delivery.message}`);
        options.onReply("unknown");
        // Reading back at once would meet the same broken wire; a reconnect asks for it sooner.
        retryLater();
    }
  }

  /** Never rejects, as no delivery does. */
  async function drive(lane: OutboxLane): Promise<void> {
    lanes.begin(lane);
    let [item] = lane.queue;
    while (item !== undefined && maySend() && !lane.blocked) {
      apply(lane, item, await channel.deliver(item, lane.taken));
      [item] = lane.queue;
    }
    lanes.end(lane);
    pump();
    wakeWhenQuiet();
    if (claimDue) void worker.wake();
  }

  function pump(): void {
    while (maySend() && lanes.busy < limits.chatsMax) {
      const lane = lanes.next();
      if (lane === null) return;
      void drive(lane);
    }
  }

  function wakeWhenQuiet(): void {
    if (lanes.busy > 0 || (maySend() && lanes.next() !== null)) return;
    for (const wake of quietWaiters.splice(0)) wake();
  }

  /** Resolves when no call is in flight and nothing more can be sent for now. */
  const quiet = () =>
    new Promise<void>((resolve) => {
      quietWaiters.push(resolve);
      wakeWhenQuiet();
    });

  function giveBack(): Promise<void> {
    const untried = lanes.clear();
    if (!tokenLost) for (const { id } of untried) settling.add({ id, again: true });
    return settling.flushed();
  }

  /** How many rows came, and whether there may be more; null: the token is lost or there is no room. */
  async function claim(recover: boolean): Promise<{ readonly full: boolean } | null> {
    const limit = Math.min(limits.claimMax, limits.heldMax - lanes.held);
    if (limit <= 0) return null;
    handedMeanwhile = [];
    const items = await replies.claim({ limit, recover }).catch((error: unknown) => {
      takeHanded();
      throw error;
    });
    if (items === null) {
      handedMeanwhile = null;
      tokenLost = true;
      stopped = true;
      options.onTokenLost();
      return null;
    }
    lanes.add(items);
    takeHanded();
    pump();
    return { full: items.length === limit };
  }

  function takeHanded(): void {
    for (const items of handedMeanwhile ?? []) lanes.add(items);
    handedMeanwhile = null;
  }

  /** Replies that were committed as claimed by this sender. */
  function take(of: number, items: readonly OutboxItem[]): void {
    if (of !== generation) lose();
    else if (handedMeanwhile !== null) handedMeanwhile.push(items);
    else {
      lanes.add(items);
      pump();
    }
  }

  /**
   * There may be claimed replies without a sender: they are found like those of an earlier attempt.
   */
  function lose(): void {
    recoveryDue = true;
    void worker.wake();
  }

  /** Takes replies that are committed as claimed by this sender; null: not now, it claims them itself. */
  function offer(): ReplyTicket | null {
    if (!recovered || recoveryDue || !maySend() || lanes.held >= limits.heldMax) return null;
    const of = generation;
    return { hand: (items) => take(of, items), lose };
  }

  function leaveOffer(): void {
    if (mayWork()) takeOfferBack ??= options.leaveOffer?.(offer) ?? null;
  }

  function withdrawOffer(): void {
    takeOfferBack?.();
    takeOfferBack = null;
  }

  /** Rebuilds the lanes from the store, oldest first, until all that earlier attempts left has been tried. */
  async function recoverAll(): Promise<void> {
    recovered = false;
    generation += 1;
    quiescing = true;
    await quiet();
    quiescing = false;
    await giveBack();
    while (mayWork() && !recovered) {
      const claimed = await claim(true);
      if (claimed === null) return;
      await quiet();
      await settling.flushed();
      // With one of a full batch unsettled, newer rows of the same chats may lie behind it unseen.
      if (claimed.full && lanes.blocked > 0) return;
      recovered = !claimed.full && mayWork();
    }
    if (!recovered) recoveryDue = true;
    else if (lanes.blocked === 0) failures = 0;
  }

  async function workThrough(): Promise<void> {
    if (recoveryDue && mayWork()) {
      recoveryDue = false;
      await recoverAll();
    }
    while (mayClaim()) {
      claimDue = false;
      const claimed = await claim(false);
      claimDue ||= claimed === null || claimed.full;
      if (claimed === null) return;
    }
  }

  const worker = createWorker(workThrough, (error) => {
    quiescing = false;
    claimDue = true;
    // The claim may have taken effect all the same.
    recoveryDue = true;
    note("OUTBOX_WAITS", `will be tried again: ${errorLine(error)}`);
    retryLater();
  });

  function serve(): Promise<void> {
    if (stopped) return Promise.resolve();
    claimDue = true;
    return worker.wake();
  }

  return {
    get inFlight() {
      return lanes.busy;
    },
    start() {
      leaveOffer();
      return serve();
    },
    notify(stranded = false) {
      // The sender settles the replies in its own lanes itself.
      if (stranded && recovered && lanes.held === 0) recoveryDue = true;
      void serve();
    },
    pause() {
      paused = true;
      withdrawOffer();
    },
    resume() {
      paused = false;
      leaveOffer();
      pump();
      void serve();
    },
    recover() {
      recoveryDue = true;
      cancelRetry?.();
      return serve();
    },
    async stop() {
      stopped = true;
      withdrawOffer();
      generation += 1;
      cancelRetry?.();
      settling.close();
      await quiet();
      await giveBack();
      await worker.stop();
    },
  };
}
