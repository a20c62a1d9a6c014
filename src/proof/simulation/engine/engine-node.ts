import { type Account } from "../../../accounts/account.ts";
import { createChannels } from "../../../channels/all-channels.ts";
import { telegramChannel } from "../../../channels/telegram/channel.ts";
import { timingsOf } from "../../../config/timings.ts";
import { runHere } from "../../../conversation/turns/bot-here.ts";
import { createReplyDesk } from "../../../conversation/outbox/ticket.ts";
import type { TurnOwner } from "../../../conversation/turns/partition-owner.ts";
import { createStreamWatch, type StreamWatch } from "../../../conversation/turns/stream-watch.ts";
import type { Custodian } from "../../../custody/custodian.ts";
import { type AccountParts, makeAccount } from "../../../node/accounts.ts";
import { createNodeTurns, type NodeTurnsOptions } from "../../../node/conversations.ts";
import { sessionRules } from "../../../node/rules.ts";
import { sweepStrandedReplies } from "../../../node/stranded-replies.ts";
import type { AccountStores } from "../../../ports/accounts/account-store.ts";
import type { EventSink } from "../../../ports/accounts/event-sink.ts";
import type { ConversationStore } from "../../../ports/conversation/conversation-store.ts";
import { createLink } from "../link.ts";
import type { SimStoreView } from "../sim-store.ts";
import { createEngineCustody, type EngineCustody } from "./engine-custody.ts";
import { createSimGate, type NodeOf } from "./engine-gate.ts";
import { type EngineMembers, membersOf } from "./engine-members.ts";
import type { EngineWorld } from "./engine-world.ts";
import { createSimAccounts } from "./sim-accounts.ts";
import { createSimBot } from "./sim-bot.ts";
import { createSimDriver } from "./sim-client.ts";
import { createSimConversations } from "./sim-conversations.ts";
import { createSimCursors, createSimLosses } from "./sim-cursors.ts";
import { createSimOutbox } from "./sim-outbox.ts";
import type { Ask } from "./sim-postgres.ts";
import { connectStreams, type SimStreamClient } from "./sim-stream-client.ts";
import { createSimBacklog, createSimParked, createSimSteps } from "./sim-turn-records.ts";
import { createSimWaits } from "./sim-waits.ts";
import { partitionOfTurn } from "./turn-places.ts";

const sweepMs = 10_000;
/** Requests of so long a time go together, as those of one turn of a busy event loop. */
const gatherMs = 4;
const timings = timingsOf.production;
const nothing = () => {};

/** What one node has of its own, before its accounts and its turns. */
interface Base {
  readonly world: EngineWorld;
  readonly of: NodeOf;
  readonly ask: Ask;
  readonly stream: SimStreamClient;
  readonly watch: StreamWatch;
  readonly gate: ReturnType<typeof createSimGate>;
  readonly desk: ReturnType<typeof createReplyDesk>;
  readonly events: EventSink;
  readonly accounts: Map<string, Account>;
  readonly members: EngineMembers;
}

/** A node's engine, put together as production does it. */
export function createEngineNode(world: EngineWorld, of: NodeOf) {
  const { members, stop: stopMembers } = membersOf(world, of);
  const base = baseOf(world, of, members);
  const tokens = world.tokens.over(base.ask);
  const custody = createEngineCustody(world, of, { tokens, gate: base.gate, members });
  const parts = accountPartsOf(base, tokens, custody);
  const turns = turnsOf(base);
  const { clock } = of.process;
  const host = hostOf(base);
  const sweep = sweepStrandedReplies({ outbox: parts.outbox, host, clock, everyMs: sweepMs });
  const custodian = keepAccounts(base, parts, custody);

  function sweepAgain(): void {
    clock.schedule(sweepMs, () => {
      sweep().then(sweepAgain, sweepAgain);
    });
  }

  return {
    accounts: base.accounts,
    turns,
    custodian,
    /** @param tellServing the fleet sees from now on that this host takes accounts and turns */
    async start(tellServing: () => void) {
      await base.watch.start();
      tellServing();
      await custodian.start();
      await turns.start();
      sweepAgain();
    },
    end() {
      stopMembers();
      custody.stop();
      base.gate.stop();
    },
  };
}

function baseOf(world: EngineWorld, of: NodeOf, members: Base["members"]): Base {
  const { process, incarnation } = of;
  const ask = world.postgres.connect(of);
  const stream = connectStreams(world.streams, process);
  const holds = (holder: string, account: string) =>
    [...(world.accounts.accounts.get(account)?.slots.keys() ?? [])].some(
      (slot) => world.tokens.token({ account, slot })?.incarnation === holder,
    );
  const watch = createStreamWatch({
    streams: stream.states,
    store: createSimLosses(world.cursors, ask, holds),
    incarnation,
    clock: process.clock,
    onLost: ({ partition }) =>
      world.trace(`${incarnation} finds that partition ${partition} has lost something`),
    onFault: nothing,
  });
  return {
    world,
    of,
    ask,
    stream,
    watch,
    gate: createSimGate(world, of),
    desk: createReplyDesk(),
    events: traced(world, incarnation),
    accounts: new Map(),
    members,
  };
}

const traced = (world: EngineWorld, incarnation: string): EventSink => ({
  report(event) {
    if (event.type === "note") {
      world.trace(`${incarnation} ${event.account} ${event.code}: ${event.message}`);
    }
    if (event.type === "transition") {
      const { account, from, to, slot } = event;
      world.trace(`${incarnation} ${account} ${from} -> ${to} (${event.event}) slot ${slot}`);
      if (to.startsWith("active")) world.coverage.serves(account);
    }
  },
});

function accountPartsOf(
  { world, of, ask, stream, watch, gate, desk, events }: Base,
  tokens: SimStoreView,
  { claims }: EngineCustody,
): AccountParts {
  const { kernel, messenger } = world;
  const { process, incarnation } = of;
  const stores = createSimAccounts({
    tables: world.accounts,
    tokens: world.tokens,
    ask,
    nowMs: () => kernel.nowMs,
  });
  const grantOf = gate.grantOf;
  const driver = createSimDriver({ kernel, process, incarnation, messenger, grantOf });
  return {
    // The lifecycle asks for these alone; anything else would fail at once.
    accounts: stores as unknown as AccountStores,
    tokens,
    claims,
    gate,
    drivers: { of: async () => driver },
    clock: process.clock,
    mayCall: () => true,
    events,
    seal: () => Promise.reject(new Error("nothing here is sealed")) as never,
    waits: createSimWaits(world.accounts, ask, (account, waits) =>
      messenger.know(account, incarnation, waits),
    ),
    cursors: createSimCursors(world.cursors, ask, world.mayWrite),
    outbox: createSimOutbox(world.turns, ask, world.mayWrite),
    desk,
    stream,
    losses: watch,
    onReply: nothing,
    onFloodWait: nothing,
    isFleets: () => false,
    onUnheard: nothing,
  };
}

function hostOf({ world, accounts }: Base) {
  const kindOf = (account: string) => world.accounts.accounts.get(account)?.kind ?? null;
  return {
    find: (account: string) => accounts.get(account) ?? null,
    kindOf,
    known(account: string) {
      const kind = kindOf(account);
      return kind === null ? null : { kind, bot: null };
    },
    learn: async () => {},
    all: () => [...accounts.values()],
  };
}

const metrics: NodeTurnsOptions["metrics"] = {
  sessionDecision: nothing,
  directAction: nothing,
  healthSign: nothing,
  unanswered: nothing,
  sessionLookup: nothing,
  turn: nothing,
  reply: nothing,
  webhookRequest: nothing,
  duplicateSessions: nothing,
  parkedMessages: nothing,
  partitionHeld: nothing,
  backlog: nothing,
  escalations: nothing,
};

/** Bots run in the process of their node here, and end no other. */
const noSuspects: NodeTurnsOptions["suspects"] = {
  read: async () => [],
  count: () => Promise.reject(new Error("nothing here has a process of its own")),
  forget: async () => {},
};

function turnsOf(base: Base): TurnOwner {
  const { world, of, ask, stream, gate, desk, events, members } = base;
  const { process } = of;
  const { clock } = process;
  const host = hostOf(base);
  const { epochs, store } = ownersStore(base);
  const owns = (turn: string): boolean => {
    const partition = partitionOfTurn(world, turn);
    return world.turns.partitions.get(partition)?.epoch === epochs.get(partition);
  };
  const callerOf = (turn: string) => ({
    process: process.name,
    epoch: epochs.get(partitionOfTurn(world, turn)) ?? 0,
  });
  const bot = createSimBot(
    {
      nowMs: () => world.kernel.nowMs,
      asked: (turn) => world.judge.asked(turn, owns(turn.id)),
      calls(turn, step) {
        const by = callerOf(turn);
        world.judge.calls(turn, step, by);
        return () => world.judge.effect(turn, step, by);
      },
    },
    process,
  );
  return createNodeTurns({
    bots: { answering: () => runHere(bot), close: nothing },
    botFaults: { report: nothing },
    suspects: noSuspects,
    escalations: { figures: async () => ({ escalated: 0, unanswered: 0, oldestMs: null }) },
    onEscalated: nothing,
    talkTurnsMax: 0,
    host,
    gate,
    members,
    bus: world.bus.view({ from: process, link: createLink() }),
    store,
    rules: sessionRules,
    steps: createSimSteps(world.turns, world.steps, ask, {
      onUnknown: (turn, step) => world.judge.mayCall(turn, step, process.name),
      onOvertaken: (turn) => world.judge.takenAway([turn]),
    }),
    parked: createSimParked(world.turns, world.parked, ask, world.judge.setAside) as never,
    choices: { find: async () => null },
    media: { read: () => Promise.reject(new Error("nothing here has a file")) },
    channels: createChannels([telegramChannel(host.kindOf)]),
    desk,
    records: { duplicates: async () => 0 },
    stream,
    backlog: createSimBacklog(world.turns, world.backlog, ask),
    clock,
    events,
    metrics,
    log: {
      debug: nothing,
      info: nothing,
      warn: (...said: readonly unknown[]) =>
        world.trace(`${of.incarnation} warns: ${String(said.at(-1))}`),
      error: nothing,
    },
    retryMs: timings.retryMs,
  });
}

/** The conversations, and the epochs under which this node owns partitions. */
function ownersStore({ world, of, ask }: Base) {
  const { clock } = of.process;
  const epochs = new Map<number, number>();
  const conversations = createSimConversations(world.turns, ask, {
    mayWrite: world.mayWrite,
    onCommit(turn) {
      world.judge.committed(turn);
      if (turn.status === "escalated") world.coverage.escalates(turn.session_id);
    },
    onStuck: world.judge.stuck,
    pace: {
      gather: (setOut) => void clock.schedule(gatherMs, setOut),
      schedule: clock.schedule,
    },
  });
  const store: ConversationStore = {
    ...conversations,
    async claimPartition(partition, owner) {
      const claim = await conversations.claimPartition(partition, owner);
      epochs.set(partition, claim.epoch);
      return claim;
    },
  };
  return { epochs, store };
}

/** The accounts that belong here come, the others go, as custody decides. */
function keepAccounts(base: Base, parts: AccountParts, custody: EngineCustody): Custodian {
  const { world, accounts, ask } = base;
  const names = [...world.accounts.accounts.keys()];
  return custody.makeCustodian({
    names: () => ask(() => names, { reads: true }),
    async begin(name) {
      const record = await parts.accounts.find(name);
      if (record === null || accounts.has(name)) return;
      const made = makeAccount(parts, { timings, pacing: false }, record);
      accounts.set(name, made);
      await made.start();
    },
    async end(name) {
      await accounts.get(name)?.stop();
      accounts.delete(name);
    },
    mayMove: (name) => accounts.get(name)?.mayMove ?? true,
  });
}
