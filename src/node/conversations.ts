import type { Logger } from "pino";
import type { ConversationRules } from "../../machines/conversation-rules.ts";
import { createFileFetcher, noMedia } from "../adapters/http/fetch-file.ts";
import type { ConversationMetrics } from "../adapters/metrics/conversation-metrics.ts";
import { createAccountCaller } from "../adapters/nats/account-caller.ts";
import { type Channels, createChannels, type PartitionSenders } from "../channels/all-channels.ts";
import { telegramChannel } from "../channels/telegram/channel.ts";
import type { ReplyDesk } from "../conversation/outbox/ticket.ts";
import type { FleetMembers } from "../custody/fleet-members.ts";
import { hostKey } from "../custody/registers.ts";
import type { Account } from "../accounts/account.ts";
import { type Backlog, createBacklog } from "../conversation/turns/backlog/backlog.ts";
import { createConversationHealth } from "../conversation/turns/health.ts";
import type { Host } from "../accounts/host.ts";
import { createHotConversations } from "../conversation/turns/session-cache.ts";
import { type Brake, createBrake } from "../conversation/turns/brake.ts";
import { createMediaReader } from "../conversation/turns/media-reader.ts";
import { createTurnOwner, type TurnOwner } from "../conversation/turns/partition-owner.ts";
import {
  createTurnEngine,
  handlerMsMaxDefault,
  type TurnEngine,
} from "../conversation/turns/engine.ts";
import { errorLine } from "../errors.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { BacklogStore } from "../ports/conversation/backlog-store.ts";
import type { ConversationRecords } from "../ports/conversation/conversation-records.ts";
import type {
  ConversationStore,
  PartitionClaim,
} from "../ports/conversation/conversation-store.ts";
import type { ParkedStore } from "../ports/conversation/parked-store.ts";
import type { OfferedChoices } from "../ports/conversation/offered-choices.ts";
import { sessionInactiveMs, stepsKeptMs } from "../ports/conversation/retention.ts";
import type { StepStore } from "../ports/conversation/step-store.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";
import { talkBraked } from "../ports/conversation/health-signs.ts";
import type { FleetBus } from "../ports/custody/fleet-bus.ts";
import type { InboundStream } from "../ports/conversation/inbound-stream.ts";
import type { MediaReader } from "../ports/telegram/media.ts";
import { createNodeBots, type NodeBots } from "./bots.ts";
import type { OpenNode } from "./open.ts";
import { sessionRules } from "./rules.ts";
import { createSeats } from "./seats.ts";
import { tellUndeliverable } from "./undeliverable.ts";
import { createNodeWebhook, type NodeWebhook } from "../channels/webhook/channel.ts";

export interface NodeTurnsOptions {
  readonly bots: NodeBots;
  /** Turns after which two programs rest that answer each other; 0: they never do. */
  readonly talkTurnsMax: number;
  readonly host: Pick<Host<Account>, "find" | "kindOf" | "known" | "learn">;
  readonly gate: { readonly host: string; readonly incarnation: string };
  readonly members: FleetMembers;
  readonly bus: FleetBus;
  readonly store: ConversationStore;
  /** The next moves of a session, as the store has them. */
  readonly rules: ConversationRules;
  readonly steps: StepStore;
  readonly parked: ParkedStore;
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
  readonly log: Logger;
  readonly retryMs: number;
}

const stepsClearedEveryMs = 6 * 3600 * 1000;
/** An owner that ends may finish the longest handler, and then says so. */
const drainMsMax = handlerMsMaxDefault + 5_000;

/** The turns of this node's partitions, and the replies of its accounts that other nodes have committed. */
function createNodeTurns(options: NodeTurnsOptions): TurnOwner {
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

  bus.onNews((news) => {
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
      const engine: TurnEngine = createTurnEngine({
        store: createHotConversations(store, clock, rules),
        rules,
        steps,
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

/** Figures of the database and of the backlogs, as they were at the last scrape. Answers the maker of a backlog. */
function showFigures(
  options: NodeTurnsOptions,
): (claim: PartitionClaim, mayBegin: () => boolean) => Backlog {
  const { metrics, records, clock } = options;
  let duplicates = 0;
  metrics.duplicateSessions(() => {
    records.duplicates().then(
      (users) => (duplicates = users),
      () => undefined,
    );
    return duplicates;
  });

  let parkedCount = 0;
  metrics.parkedMessages(() => {
    options.parked.count({ accounts: "all" }).then(
      (count) => (parkedCount = count),
      () => undefined,
    );
    return parkedCount;
  });
  const backlogs = new Map<number, Backlog>();
  metrics.backlog(() => [...backlogs.values()].reduce((sum, { items }) => sum + items, 0));
  return (claim, mayBegin) => {
    const { stream, events, parked } = options;
    const { keep } = parked;
    const store = options.backlog;
    const backlog = createBacklog({ stream, keep, store, claim, clock, events, mayBegin });
    backlogs.set(claim.partition, backlog);
    return backlog;
  };
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
    get mayBegin() {
      return engine.mayBegin;
    },
  };
}

export interface NodeConversations {
  /** With every beat of this host. Never rejects. */
  tellUndeliverable(): Promise<void>;
  readonly turns: TurnOwner;
  readonly webhook: NodeWebhook | null;
}

/** Puts the conversations of a node together: the bot, the channel beside Telegram, and the turns. */
export async function createNodeConversations(
  open: OpenNode,
  host: NodeTurnsOptions["host"] & Pick<Host<Account>, "all">,
): Promise<NodeConversations> {
  const { config, stores, stream, clock, events, log, metrics, askHolder } = open;
  const bots = await createNodeBots({
    config,
    find: (account) => host.known(account),
    tell: (line) => log.info(line),
  });
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
  const turns = createNodeTurns({
    ...open,
    bots,
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
