import type { Logger } from "pino";
import type { ConversationRules } from "../../machines/conversation-rules.ts";
import { createFileFetcher, noMedia } from "../adapters/http/fetch-file.ts";
import type { ConversationMetrics } from "../adapters/metrics/conversation-metrics.ts";
import { createAccountCaller } from "../adapters/nats/account-caller.ts";
import { type Channels, createChannels, type PartitionSenders } from "../channels/all-channels.ts";
import { telegramChannel } from "../channels/telegram/channel.ts";
import type { ReplyDesk } from "../conversation/outbox/ticket.ts";
import { hostKey } from "../custody/registers.ts";
import type { Account } from "../accounts/account.ts";
import { createConversationHealth } from "../conversation/turns/health.ts";
import type { Host } from "../accounts/host.ts";
import {
  createHotConversations,
  type HotConversations,
} from "../conversation/turns/session-cache.ts";
import type { EscalationNotices } from "../conversation/escalation/tell.ts";
import { type Brake, createBrake } from "../conversation/turns/brake.ts";
import { createMediaReader } from "../conversation/turns/media-reader.ts";
import {
  createTurnOwner,
  type TurnOwner,
  type TurnOwnerOptions,
} from "../conversation/turns/partition-owner.ts";
import {
  createTurnEngine,
  handlerMsMaxDefault,
  type TurnEngine,
} from "../conversation/turns/engine.ts";
import { errorLine } from "../errors.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { BacklogStore } from "../ports/conversation/backlog-store.ts";
import type { ConversationRecords } from "../ports/conversation/conversation-records.ts";
import type { ConversationStore } from "../ports/conversation/conversation-store.ts";
import type { EscalationStore } from "../ports/conversation/escalation-store.ts";
import type { ParkedStore } from "../ports/conversation/parked-store.ts";
import type { OfferedChoices } from "../ports/conversation/offered-choices.ts";
import { sessionInactiveMs, stepsKeptMs } from "../ports/conversation/retention.ts";
import type { SuspectStore } from "../ports/conversation/suspect-store.ts";
import type { StepStore } from "../ports/conversation/step-store.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";
import { talkBraked } from "../ports/conversation/health-signs.ts";
import type { FleetBus } from "../ports/custody/fleet-bus.ts";
import type { InboundStream } from "../ports/conversation/inbound-stream.ts";
import type { MediaReader } from "../ports/telegram/media.ts";
import { showFigures } from "./conversation-figures.ts";
import { createNodeEscalations, isHandedOver } from "./escalations.ts";
import type { BotLogLevel } from "../ports/conversation/bot-log.ts";
import type { NodeBots } from "./bots.ts";
import type { BotFaults } from "./bot-faults.ts";
import type { OpenNode } from "./open.ts";
import { sessionRules } from "./rules.ts";
import { createSeats } from "./seats.ts";
import { tellUndeliverable } from "./undeliverable.ts";
import { createNodeWebhook, type NodeWebhook } from "../channels/webhook/channel.ts";

export interface NodeTurnsOptions {
  readonly bots: NodeBots;
  readonly botFaults: BotFaults;
  /** Turns after which two programs rest that answer each other; 0: they never do. */
  readonly talkTurnsMax: number;
  readonly host: Pick<Host<Account>, "find" | "kindOf" | "known" | "learn">;
  readonly gate: { readonly host: string; readonly incarnation: string };
  readonly members: TurnOwnerOptions["members"];
  readonly bus: Pick<FleetBus, "tell" | "onNews">;
  readonly store: ConversationStore;
  /** The next moves of a session, as the store has them. */
  readonly rules: ConversationRules;
  readonly steps: StepStore;
  readonly suspects: SuspectStore;
  readonly parked: ParkedStore;
  readonly escalations: Pick<EscalationStore, "figures">;
  /** A session waits for a person now. */
  onEscalated(): void;
  readonly choices: OfferedChoices;
  readonly media: MediaReader;
  readonly channels: Channels;
  /** Where the senders of this node's accounts leave their offers. */
  readonly desk: Pick<ReplyDesk, "ask">;
  readonly records: Pick<ConversationRecords, "duplicates">;
  readonly stream: InboundStream;
  readonly backlog: BacklogStore;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly metrics: ConversationMetrics;
  readonly log: Pick<Logger, BotLogLevel>;
  readonly retryMs: number;
}

const stepsClearedEveryMs = 6 * 3600 * 1000;
/** An owner that ends may finish the longest handler, and then says so. */
const drainMsMax = handlerMsMaxDefault + 5_000;

/** The turns of this node's partitions, and the replies of its accounts that other nodes have committed. */
export function createNodeTurns(options: NodeTurnsOptions): TurnOwner {
  const { bots, channels, host, gate, bus, store, rules, steps, clock, metrics, log } = options;

  /** Of the partitions that are owned here. */
  const owned = new Set<PartitionSenders>();
  const backlogOf = showFigures(options);
  const findBot = createSeats({ channels, bots, learn: () => host.learn() });

  function clearSteps(): void {
    steps.clear(stepsKeptMs).catch((error: unknown) => log.warn(errorLine(error)));
    clock.schedule(stepsClearedEveryMs, clearSteps);
  }
  clearSteps();

  /** Of the partitions that were owned here last. */
  const remembered = new Map<number, HotConversations>();

  bus.onNews((news) => {
    if (news.type === "forgotten") for (const hot of remembered.values()) hot.forget(news);
    if (news.type !== "replies") return;
    host.find(news.account)?.notifyOutbox();
    const place = channels.placeOf({ channel: "webhook", account: news.account });
    if (place?.sentBy === "owner") for (const senders of owned) senders.notifyAll();
  });

  function notifyHolder(account: string): void {
    const here = host.find(account);
    if (here?.runtime.state.startsWith("active") === true) here.notifyOutbox();
    else bus.tell({ type: "replies", account });
  }

  const health = createConversationHealth({
    rules,
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
      const hot = createHotConversations(store, clock, rules);
      remembered.set(claim.partition, hot);
      const engine: TurnEngine = createTurnEngine({
        store: hot,
        rules,
        steps,
        suspects: options.suspects,
        onFault: options.botFaults.report,
        parked: options.parked,
        onHold: (holds) => metrics.partitionHeld(claim.partition, holds),
        choices: options.choices,
        media: options.media,
        stream: backlogOf(claim, () => engine.mayBegin),
        clock,
        events: options.events,
        claim,
        inactiveAfterMs: sessionInactiveMs,
        findBot,
        onBotLog: (of, { level, message, fields }) => log[level]({ ...of, fields }, message),
        onUnanswered: metrics.unanswered,
        ...(options.talkTurnsMax > 0 && { brake: brakeOf(options) }),
        desk: options.desk,
        notifyOutbox({ channel, account }) {
          if (!senders.notify(channel)) notifyHolder(account);
        },
        onDecision: ({ code, session, key, turnId, statusAfter, choice }) => {
          const { account } = key;
          metrics.sessionDecision(account, code);
          if (choice !== null) metrics.directAction(account, choice);
          log.info({ code, sessionId: session.id, account, turnId }, code);
          if (!rules.open.includes(statusAfter))
            log.info({ sessionId: session.id, account }, "SESSION_ENDED");
          if (isHandedOver(rules, session, statusAfter)) options.onEscalated();
          health.committed(key, session, statusAfter);
        },
        onLookup: metrics.sessionLookup,
        onTurn: metrics.turn,
        onStaleOwner: lose,
      });
      const senders = channels.makeSenders(claim, lose);
      const whole = withSenders(engine, senders, () => owned.delete(senders));
      /** Turns and replies end together, whichever of them hears of the newer owner. */
      function lose(): void {
        whole.stop().catch((error: unknown) => log.warn(errorLine(error)));
        onStaleOwner();
      }
      owned.add(senders);
      return whole;
    },
  });
}

/** Says each conversation once that is slowed down. */
const brakeOf = ({ talkTurnsMax, clock, events }: NodeTurnsOptions): Brake =>
  createBrake({
    turnsMax: talkTurnsMax,
    clock,
    onBraked: ({ account, chatUser }) =>
      events.report({
        type: "note",
        account,
        code: talkBraked,
        message: `chat user ${chatUser} was answered ${talkTurnsMax} times without a pause, as a program would be; the next answers wait`,
      }),
  });

/**
 * A partition's replies leave as long as its turns are taken. Begun replies are finished after the
 * turns.
 */
function withSenders(
  engine: TurnEngine,
  senders: PartitionSenders,
  onStopped: () => void,
): TurnEngine {
  return {
    start() {
      // An earlier owner's replies may wait for an absent endpoint; turns do not.
      senders.start();
      return engine.start();
    },
    async stop() {
      await engine.stop();
      await senders.stop();
      onStopped();
    },
    get running() {
      return engine.running;
    },
    get waiting() {
      return engine.waiting;
    },
    pause: engine.pause,
    get longestMs() {
      return engine.longestMs;
    },
    get mayBegin() {
      return engine.mayBegin;
    },
  };
}

export interface NodeConversations {
  /** With every beat of this host. Never rejects. */
  tellUndeliverable(): Promise<void>;
  readonly turns: TurnOwner;
  /** Of sessions that wait for a person. */
  readonly escalations: EscalationNotices;
  readonly webhook: NodeWebhook | null;
}

/** Puts the conversations of a node together: the bot, the channel beside Telegram, and the turns. */
export function createNodeConversations(
  open: OpenNode,
  host: NodeTurnsOptions["host"] & Pick<Host<Account>, "all">,
  { bots, botFaults }: Pick<NodeTurnsOptions, "bots" | "botFaults">,
): NodeConversations {
  const { config, stores, stream, clock, events, log, metrics, askHolder } = open;
  const webhook =
    config.webhook === null
      ? null
      : createNodeWebhook({
          config: config.webhook,
          stream,
          requests: stores.webhookRequests,
          replies: stores.partitionReplies,
          outbox: stores.outbox,
          clock,
          events,
          log,
          onRequest: metrics.conversations.webhookRequest,
          onReply: metrics.conversations.reply,
          onListening: open.readiness.webhookListens,
        });
  const escalations = createNodeEscalations(open);
  const turns = createNodeTurns({
    ...open,
    escalations: stores.escalations,
    onEscalated: () => void escalations.wake(),
    bots,
    botFaults,
    talkTurnsMax: config.talkTurnsMax,
    channels: createChannels([telegramChannel((account) => host.kindOf(account)), webhook]),
    host,
    media: createMediaReader({
      invoke: createAccountCaller(askHolder),
      fetchUrl: createFileFetcher(config.webhook?.media ?? noMedia),
    }),
    members: open.fleet.members,
    store: stores.conversations,
    rules: sessionRules,
    steps: stores.steps,
    suspects: stores.suspects,
    parked: stores.parked,
    choices: stores.choices,
    backlog: stores.backlog,
    records: stores.records,
    metrics: metrics.conversations,
    retryMs: config.timings.retryMs,
  });
  const { webhook: served } = config;
  return {
    turns,
    escalations,
    webhook,
    tellUndeliverable: tellUndeliverable({
      undelivered: stores.undelivered,
      stream,
      accounts: () =>
        [
          ...host.all().map(({ name }) => ({ channel: "telegram", account: name }) as const),
          ...(served === null ? [] : [{ channel: "webhook", account: served.account } as const]),
        ]
          .filter((of) => hearsUndeliverable(bots.answering(of)))
          .map(({ account }) => account),
      clock,
      everyMs: config.timings.suspectMs,
    }),
  };
}

/** One whose file is still read is asked at the next beat; a turn says why it cannot be read. */
function hearsUndeliverable(bot: ReturnType<NodeBots["answering"]>): boolean {
  if (!(bot instanceof Promise)) return bot?.hearsUndeliverable === true;
  bot.catch(() => undefined);
  return false;
}
