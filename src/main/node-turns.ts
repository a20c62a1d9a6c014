import type { Logger } from "pino";
import type { ConversationMetrics } from "../adapters/metrics/conversation-metrics.ts";
import type { FleetMembers } from "../custody/fleet-members.ts";
import { hostKey } from "../custody/lease-value.ts";
import type { ReplyDesk } from "../conversation/outbox/ticket.ts";
import type { Account } from "../engine/account.ts";
import { createConversationHealth } from "../engine/conversation-health.ts";
import type { Host } from "../engine/host.ts";
import { createHotConversations } from "../engine/hot-conversations.ts";
import { menuStyleOf } from "../engine/menu.ts";
import type { OutboxSender } from "../engine/outbox.ts";
import { createTurnOwner, type TurnOwner } from "../engine/turn-owner.ts";
import { createTurnEngine, handlerMsMaxDefault, type TurnEngine } from "../engine/turns.ts";
import { errorLine } from "../errors.ts";
import type { Bot } from "../ports/bot.ts";
import { isGuardedByToken } from "../ports/channel.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { ConversationRecords } from "../ports/conversation-records.ts";
import type { ConversationStore, StepStore } from "../ports/conversation-store.ts";
import type { EventSink } from "../ports/event-sink.ts";
import type { FleetBus } from "../ports/fleet-bus.ts";
import type { InboundStream } from "../ports/inbound-stream.ts";
import type { MediaReader } from "../ports/media.ts";
import type { NodeWebhook } from "./node-webhook.ts";

export interface NodeTurnsOptions {
  readonly bot: Bot;
  readonly host: Pick<Host<Account>, "find" | "kindOf">;
  readonly gate: { readonly host: string; readonly incarnation: string };
  readonly members: FleetMembers;
  readonly bus: FleetBus;
  readonly store: ConversationStore;
  readonly steps: StepStore;
  readonly media: MediaReader;
  /** Where the senders of this node's accounts leave their offers. */
  readonly desk: Pick<ReplyDesk, "ask">;
  /** The channel beside Telegram; null: none. */
  readonly webhook: NodeWebhook | null;
  readonly records: Pick<ConversationRecords, "duplicates">;
  readonly stream: InboundStream;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly metrics: ConversationMetrics;
  readonly log: Logger;
  readonly retryMs: number;
}

/** A session without a turn for this long has expired. */
const sessionInactiveMs = 24 * 3600 * 1000;
/** Longer than any turn waits to be taken again, or to be replayed. */
const stepsKeptMs = 7 * 24 * 3600 * 1000;
const stepsClearedEveryMs = 6 * 3600 * 1000;
/** An owner that ends may finish the longest handler, and then says so. */
const drainMsMax = handlerMsMaxDefault + 5_000;

/** The turns of this node's partitions, and the replies of its accounts that other nodes have committed. */
export function createNodeTurns(options: NodeTurnsOptions): TurnOwner {
  const { bot, webhook, host, gate, bus, store, steps, records, clock, metrics, log } = options;

  let duplicates = 0;
  metrics.duplicateSessions(() => {
    records.duplicates().then(
      (users) => (duplicates = users),
      () => undefined,
    );
    return duplicates;
  });

  function clearSteps(): void {
    steps.clear(stepsKeptMs).catch((error: unknown) => log.warn(errorLine(error)));
    clock.schedule(stepsClearedEveryMs, clearSteps);
  }
  clearSteps();

  bus.onNews((news) => {
    if (news.type === "replies") host.find(news.account)?.notifyOutbox();
  });

  function notifyHolder(account: string): void {
    const here = host.find(account);
    if (here?.runtime.state.startsWith("active") === true) here.notifyOutbox();
    else bus.tell({ type: "replies", account });
  }

  const health = createConversationHealth({
    clock,
    onSign(sign, { account }) {
      metrics.healthSign(account, sign);
      log.warn({ account }, sign);
    },
  });

  return createTurnOwner({
    members: options.members,
    ownKey: hostKey(gate.host),
    incarnation: gate.incarnation,
    store,
    clock,
    drainMsMax,
    retryMs: options.retryMs,
    tellReleased: (partition) => bus.tell({ type: "partition-free", partition }),
    onReleased: (listener) =>
      bus.onNews((news) => {
        if (news.type === "partition-free") listener(news.partition);
      }),
    onFault: (error) => log.warn(errorLine(error)),
    makeEngine(claim, onStaleOwner) {
      const engine: TurnEngine = createTurnEngine({
        store: createHotConversations(store, clock),
        steps,
        media: options.media,
        stream: options.stream,
        clock,
        events: options.events,
        claim,
        inactiveAfterMs: sessionInactiveMs,
        findBot({ channel, account }) {
          if (channel === "webhook") {
            return account === webhook?.config.account
              ? { bot, style: webhook.config.menus }
              : null;
          }
          const kind = host.kindOf(account);
          return kind === null ? null : { bot, style: menuStyleOf(kind) };
        },
        desk: options.desk,
        notifyOutbox({ channel, account }) {
          if (isGuardedByToken(channel)) notifyHolder(account);
          else sender?.notify();
        },
        onDecision: ({ code, session, key, turnId, statusAfter, choice }) => {
          const { account } = key;
          metrics.sessionDecision(account, code);
          if (choice !== null) metrics.directAction(account, choice);
          log.info({ code, sessionId: session.id, account, turnId }, code);
          if (statusAfter === "ended")
            log.info({ sessionId: session.id, account }, "SESSION_ENDED");
          health.committed(key, session, statusAfter);
        },
        onLookup: metrics.sessionLookup,
        onTurn: metrics.turn,
        onStaleOwner,
      });
      const sender = webhook?.makeSender(claim, () => {
        engine.stop().catch((error: unknown) => log.warn(errorLine(error)));
        onStaleOwner();
      });
      return sender === undefined ? engine : withSender(engine, sender);
    },
  });
}

/** The replies of a partition's users leave as long as its turns are taken, and what was begun is finished after them. */
function withSender(engine: TurnEngine, sender: OutboxSender): TurnEngine {
  return {
    start() {
      // What an earlier owner left may wait for an endpoint that is away; turns do not.
      void sender.start();
      return engine.start();
    },
    async stop() {
      await engine.stop();
      await sender.stop();
    },
    get running() {
      return engine.running;
    },
    get waiting() {
      return engine.waiting;
    },
  };
}
