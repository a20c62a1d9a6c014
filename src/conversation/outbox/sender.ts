import { createAlarm } from "../../concurrency/alarm.ts";
import { createWorker } from "../../concurrency/worker.ts";
import { errorLine } from "../../errors.ts";
import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import type { Delivery } from "../../ports/conversation/channel.ts";
import { repliesHeld } from "../../ports/conversation/health-signs.ts";
import { createAccountTrouble } from "./account-trouble.ts";
import { createReplyClaims } from "./claiming.ts";
import { createOutboxLanes, type OutboxLane } from "./lanes.ts";
import { kindOf, type SendKind } from "./ready-lanes.ts";
import { brokenWireCodes, defaultOutboxLimits, type OutboxSenderOptions } from "./options.ts";
import { unpaced } from "./pacing.ts";
import { createRestingChats } from "./resting.ts";
import { createOutboxSettling } from "./settling.ts";
import { createSendSlots } from "./slots.ts";
import type { OutboxWork } from "./ticket.ts";

export interface OutboxSender extends OutboxWork {
  /** Calls to Telegram that have not been answered. */
  readonly inFlight: number;
}

type Held = Extract<Delivery, { kind: "held" }>;

/**
 * Sends the replies of one source: in order per chat, each once, as the channel allows (I4). A
 * chat's trouble is its own (I11): its replies go back to the store with the time at which they may
 * be tried again, and nothing else waits for them. An unknown outcome of an earlier attempt is
 * settled by reading back before a newer reply of that chat leaves. Driven by `notify`. It waits for
 * time only where no event can tell: an absent database, a chat or an account that rests, a pace, a
 * recipient that turns out to be slow.
 */
export function createOutboxSender(options: OutboxSenderOptions): OutboxSender {
  const { account, replies, channel, clock, events, pacing = unpaced } = options;
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
  const resting = createRestingChats(lanes, settling.unwritten, clock);
  const slots = createSendSlots(limits, clock);
  const trouble = createAccountTrouble(limits.account, clock);

  let paused = false;
  let stopped = false;
  /** The account rests by this sender's own decision, for this reason. */
  let restsFor: string | null = null;
  /** The channel's reasons for the pause. */
  const pausedFor = new Set<string>();
  let failures = 0;
  let cancelRetry: (() => void) | null = null;
  let takeOfferBack: (() => void) | null = null;
  const quietWaiters: (() => void)[] = [];

  const mayCall = options.mayCall ?? (() => true);
  const mayWork = () => !paused && !stopped && restsFor === null;
  const maySend = () => mayWork() && mayCall();

  const lookAgain = createAlarm(clock, () => {
    claims.look();
    void worker.wake();
  });
  const pumpAgain = createAlarm(clock, pump);
  const accountRested = createAlarm(clock, () => {
    const code = restsFor;
    restsFor = null;
    if (code !== null) claims.wake([code]);
    void worker.wake();
  });

  const claims = createReplyClaims({
    replies,
    lanes,
    resting,
    settling,
    limits,
    mayWork,
    maySend,
    onReplies: pump,
    onDue: () => void worker.wake(),
    onRest: lookAgain.within,
    onTokenLost() {
      stopped = true;
      options.onTokenLost();
    },
  });

  const worker = createWorker(
    async () => {
      await claims.work();
      if (!claims.isDue) failures = 0;
    },
    (error) => {
      // The claim may have taken effect all the same.
      claims.recover();
      note("OUTBOX_WAITS", `will be tried again: ${errorLine(error)}`);
      if (stopped) return;
      cancelRetry?.();
      const delayMs = Math.min(limits.retryDelayMs * 2 ** failures, limits.retryDelayMsMax);
      failures += 1;
      cancelRetry = clock.schedule(delayMs, () => void worker.wake());
    },
  );

  const restMsOf = ({ retry }: OutboxItem): number =>
    Math.min(limits.retryDelayMs * 2 ** Math.min(retry?.attempts ?? 0, 30), limits.restMsMax);

  /** The chat tries again later, in this process or another. */
  function rest(
    lane: OutboxLane,
    item: OutboxItem,
    of: { ms: number; code: string; wasTried: boolean },
  ): void {
    const [, ...others] = lanes.rest(lane);
    const { code, wasTried } = of;
    // Who comes after this sender need not wait.
    const ms = stopped ? 0 : of.ms;
    settling.add(
      { id: item.id, rest: { ms, code, wasTried } },
      ...others.map(({ id }) => ({ id, again: true }) as const),
    );
    resting.begin(lane, { ms, code, id: item.id });
    lookAgain.within(ms);
  }

  function giveUp(
    lane: OutboxLane,
    item: OutboxItem,
    { code, message }: { code: string; message: string },
    how: "refused" | "given-up",
  ): void {
    lanes.shift(lane);
    settling.add({ id: item.id, failure: code });
    note(
      how === "refused" ? "REPLY_REFUSED" : "REPLY_GIVEN_UP",
      `reply ${item.id}: ${code}: ${message}`,
    );
    options.onReply(how);
  }

  const isTooOld = ({ retry }: OutboxItem) => (retry?.waitedMs ?? 0) >= limits.giveUpAfterMs;

  function hold(lane: OutboxLane, item: OutboxItem, delivery: Held): void {
    const { scope, code, message, waitSeconds, reached } = delivery;
    const waitMs = waitSeconds === null ? null : waitSeconds * 1000;
    const found = scope === "account" ? trouble.met({ chat: lane.key, waitMs }) : null;
    if (found === null && isTooOld(item)) return giveUp(lane, item, delivery, "given-up");
    note("REPLY_HELD", `reply ${item.id}: ${code}: ${message}`);
    options.onReply("held");
    rest(lane, item, { ms: waitMs ?? restMsOf(item), code, wasTried: reached || waitMs === null });
    if (found === null || !mayWork()) return;
    if (found.isTold) {
      paused = true;
      pausedFor.add(code);
      options.onFlood(found.restMs / 1000);
    } else {
      restsFor = code;
      note(
        repliesHeld,
        `the account sends nothing for ${found.restMs / 1000} s: ${code}: ${message}`,
      );
      accountRested.within(found.restMs);
    }
    giveIdleBack();
  }

  function apply(lane: OutboxLane, item: OutboxItem, delivery: Delivery): void {
    switch (delivery.kind) {
      case "sent":
        lanes.shift(lane);
        settling.add({ id: item.id, messageId: delivery.messageId });
        trouble.sent();
        options.onReply(delivery.readBack ? "read-back" : "sent");
        return;
      case "refused":
        return giveUp(lane, item, delivery, "refused");
      case "held":
        return hold(lane, item, delivery);
      case "dead-key":
        stopped = true;
        rest(lane, item, { ms: 0, code: delivery.kind, wasTried: true });
        return;
      case "unknown":
        if (isTooOld(item)) return giveUp(lane, item, delivery, "given-up");
        note("REPLY_UNKNOWN", `reply ${item.id}: ${delivery.code}: ${delivery.message}`);
        options.onReply("unknown");
        rest(lane, item, { ms: restMsOf(item), code: delivery.code, wasTried: true });
    }
  }

  /** One reply of the lane; others that wait are next. Never rejects, as no delivery does. */
  async function drive(lane: OutboxLane, item: OutboxItem, kind: SendKind): Promise<void> {
    const slot = slots.take(kind);
    lanes.begin(lane);
    pacing.spend(lane.key);
    apply(lane, item, await channel.deliver(item, lane.taken));
    slots.leave(slot);
    claims.drained(lane);
    lanes.end(lane);
    pump();
    if (quietWaiters.length > 0) wakeWhenQuiet();
    if (claims.isDue) void worker.wake();
  }

  function isPaced(lane: OutboxLane): boolean {
    const waitMs = pacing.chatWaitMs(lane.key);
    if (waitMs > 0) pumpAgain.within(waitMs);
    return waitMs === 0;
  }

  function nextOf(kind: SendKind): OutboxLane | null {
    if (slots.mayTake(kind)) return lanes.next(kind, isPaced);
    const slowInMs = lanes.next(kind) === null ? null : slots.slowInMs();
    if (slowInMs !== null) pumpAgain.within(slowInMs);
    return null;
  }

  function pump(): void {
    while (maySend() && !(trouble.isDoubtful && lanes.busy > 0)) {
      const waitMs = pacing.accountWaitMs();
      const lane = waitMs > 0 ? null : (nextOf("first") ?? nextOf("retry"));
      if (waitMs > 0 && lanes.next() !== null) pumpAgain.within(waitMs);
      const item = lane?.queue[0];
      if (lane === null || item === undefined) return;
      void drive(lane, item, kindOf(lane));
    }
  }

  /** What a pace holds back is not waited for. */
  function wakeWhenQuiet(): void {
    if (lanes.busy === 0) pump();
    if (lanes.busy > 0) return;
    for (const wake of quietWaiters.splice(0)) wake();
  }

  /** Resolves when no call is in flight and nothing more can be sent for now. */
  const quiet = () =>
    new Promise<void>((resolve) => {
      quietWaiters.push(resolve);
      wakeWhenQuiet();
    });

  const giveIdleBack = (): void => claims.giveBack(lanes.clear());

  function leaveOffer(): void {
    if (!paused && !stopped) takeOfferBack ??= options.leaveOffer?.(claims.ticket) ?? null;
  }

  function withdrawOffer(): void {
    takeOfferBack?.();
    takeOfferBack = null;
  }

  /** What is found has been tried once, and its outcome is written, when this resolves. */
  async function serve(): Promise<void> {
    if (stopped) return;
    await worker.wake();
    await quiet();
    await settling.flushed();
  }

  return {
    get inFlight() {
      return lanes.busy;
    },
    start() {
      leaveOffer();
      claims.look();
      return serve();
    },
    notify(stranded = false) {
      if (stopped) return;
      if (stranded) claims.recover();
      else claims.look();
      pump();
      void worker.wake();
    },
    pause() {
      paused = true;
      withdrawOffer();
    },
    resume() {
      paused = false;
      claims.wake([...pausedFor]);
      pausedFor.clear();
      leaveOffer();
      pump();
      if (!stopped) void worker.wake();
    },
    recover() {
      claims.wake(brokenWireCodes);
      cancelRetry?.();
      return serve();
    },
    quiet,
    async stop() {
      stopped = true;
      withdrawOffer();
      claims.end();
      cancelRetry?.();
      for (const alarm of [lookAgain, pumpAgain, accountRested]) alarm.off();
      settling.close();
      await quiet();
      giveIdleBack();
      await settling.flushed();
      await worker.stop();
    },
  };
}
