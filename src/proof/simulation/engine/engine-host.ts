import type { Duplex } from "node:stream";
import { type Account } from "../../../accounts/account.ts";
import { createChannels } from "../../../channels/all-channels.ts";
import { telegramChannel } from "../../../channels/telegram/channel.ts";
import { serially } from "../../../concurrency/serially.ts";
import { wait } from "../../../concurrency/wait.ts";
import { timingsOf } from "../../../config/timings.ts";
import { createReplyDesk } from "../../../conversation/outbox/ticket.ts";
import type { TurnOwner } from "../../../conversation/turns/partition-owner.ts";
import { createStreamWatch } from "../../../conversation/turns/stream-watch.ts";
import { placeOf } from "../../../custody/placement.ts";
import { hostKey } from "../../../custody/registers.ts";
import { makeAccount } from "../../../node/accounts.ts";
import { createNodeTurns } from "../../../node/conversations.ts";
import { sessionRules } from "../../../node/rules.ts";
import { sweepStrandedReplies } from "../../../node/stranded-replies.ts";
import type { AccountStores } from "../../../ports/accounts/account-store.ts";
import type { EventSink } from "../../../ports/accounts/event-sink.ts";
import { partitionOf } from "../../../ports/conversation/partitions.ts";
import type { Gate, GrantRef } from "../../../ports/custody/gate.ts";
import type { SlotRef } from "../../../ports/custody/token-store.ts";
import type { SimProcess } from "../kernel.ts";
import { createLink } from "../link.ts";
import type { EngineWorld } from "./engine-world.ts";
import { createSimAccounts, createSimWaits } from "./sim-accounts.ts";
import { createSimBot } from "./sim-bot.ts";
import { createSimDriver } from "./sim-client.ts";
import { createSimConversations } from "./sim-conversations.ts";
import { createSimCursors, createSimLosses } from "./sim-cursors.ts";
import { createSimOutbox } from "./sim-outbox.ts";
import { createSimBacklog, createSimParked, createSimSteps } from "./sim-turn-records.ts";

/** One host: a node that is started again when it has ended. Its gate cuts what a dead node leaves. */
export interface EngineHost {
  readonly name: string;
  readonly isUp: boolean;
  start(): void;
  /** SIGKILL of the node. */
  kill(): void;
  /** Hands everything over, ends, and joins again. */
  leave(): Promise<void>;
  /** Ends the node over the statement that comes so many after this. */
  killAfter(statements: number, how: "lost-before" | "lost-after"): void;
  find(account: string): Account | null;
}

const restartMs = 1_500;
/** A dead host's tokens are free after this, if its own successor has not freed them before. */
const takeMs = 8_000;
const suspectMs = 4_000;
/** By then its accounts and its partitions are with another host, or with itself again. */
const killGraceMs = 45_000;
const sweepMs = 10_000;
const moveAgainMs = 5_000;
/** Requests of so long a time go together, as those of one turn of a busy event loop. */
const gatherMs = 4;
/** In-memory limits are production's; a token that is waited for is looked for again at this interval. */
const timings = timingsOf.production;

interface Life {
  readonly process: SimProcess;
  readonly incarnation: string;
  readonly accounts: Map<string, Account>;
  readonly turns: TurnOwner;
  end(): void;
}

export function createEngineHost(world: EngineWorld, name: string): EngineHost {
  const { kernel } = world;
  let life: Life | null = null;
  let killIn: { left: number; readonly how: "lost-before" | "lost-after" } | null = null;
  let isLeaving = false;

  function tellMembers(): void {
    for (const listener of [...world.memberListeners]) listener();
  }

  function free(incarnation: string): void {
    const sync = world.tokens.over((execute) => Promise.resolve(execute()));
    void sync.revoke(incarnation);
    void sync.silence(incarnation).then((freed) => {
      for (const ref of freed) for (const listener of [...world.freedListeners]) listener(ref);
    });
  }

  /** The gate cuts at once; the fleet hears of it by silence. */
  function kill(): void {
    const ended = life;
    if (ended === null) return;
    life = null;
    killIn = null;
    world.trace(`${name} ends`);
    ended.process.kill();
    ended.end();
    world.judge.processEnded(ended.process.name);
    world.judge.troubled({ fromMs: kernel.nowMs, untilMs: kernel.nowMs + killGraceMs });
    world.messenger.breakWires((wire) => wire.incarnation === ended.incarnation, true);
    kernel.at(suspectMs, () => {
      if (world.members.get(name)?.incarnation !== ended.incarnation) return;
      world.members.delete(name);
      tellMembers();
    });
    kernel.at(takeMs, () => free(ended.incarnation));
    kernel.at(restartMs, () => {
      // Its successor on this machine knows that it is gone.
      free(ended.incarnation);
      isLeaving = false;
      start();
    });
  }

  function onStatement(): "goes-on" | "lost-before" | "lost-after" {
    if (killIn === null) return "goes-on";
    killIn.left -= 1;
    if (killIn.left > 0) return "goes-on";
    const { how } = killIn;
    killIn = null;
    kill();
    return how;
  }

  function start(): void {
    if (life !== null) return;
    const incarnation = world.newId(name);
    const process = kernel.spawn(incarnation, 1);
    const node = createNode(world, { name, process, incarnation, onStatement });
    const mine: Life = { process, incarnation, ...node };
    life = mine;
    world.trace(`${incarnation} starts`);
    const sync = world.tokens.over((execute) => Promise.resolve(execute()));
    void sync.register({ id: incarnation, host: name, proof: {} });
    node
      .start()
      .then(() => {
        if (life !== mine) return;
        world.members.set(name, { name, incarnation });
        tellMembers();
      })
      .catch(() => {
        if (life === mine) kill();
      });
  }

  return {
    name,
    get isUp() {
      return life !== null;
    },
    start,
    kill,
    async leave() {
      const leaving = life;
      if (leaving === null || isLeaving) return;
      isLeaving = true;
      world.members.delete(name);
      tellMembers();
      await Promise.all([
        leaving.turns.stop(),
        ...[...leaving.accounts.values()].map((account) => account.stop()),
      ]);
      if (life === leaving) kill();
    },
    killAfter(statements, how) {
      if (life !== null) killIn = { left: statements, how };
    },
    find: (account) => life?.accounts.get(account) ?? null,
  };
}

/** The state in which an account is on the host where it serves. */
export const stateOf = (hosts: readonly EngineHost[], account: string): string =>
  hosts
    .map((host) => host.find(account)?.runtime.state ?? "nowhere")
    .toSorted((a, b) => Number(b.startsWith("active")) - Number(a.startsWith("active")))[0]!;

interface NodeOf {
  readonly name: string;
  readonly process: SimProcess;
  readonly incarnation: string;
  onStatement(): "goes-on" | "lost-before" | "lost-after";
}

/** A node's engine, put together as production does it. */
function createNode(world: EngineWorld, of: NodeOf) {
  const { kernel } = world;
  const { name, process, incarnation } = of;
  const { clock } = process;
  const ask = world.postgres.connect(of);
  const accounts = new Map<string, Account>();
  const events: EventSink = {
    report(event) {
      if (event.type === "note")
        world.trace(`${incarnation} ${event.account} ${event.code}: ${event.message}`);
      if (event.type === "transition") {
        world.trace(
          `${incarnation} ${event.account} ${event.from} -> ${event.to} (${event.event}) slot ${event.slot}`,
        );
      }
    },
  };
  const stream = world.streams.connect(process);
  const tokens = world.tokens.over(ask);
  const outbox = createSimOutbox(world.turns, ask, world.mayWrite);
  const watch = createStreamWatch({
    streams: stream.states,
    store: createSimLosses(world.cursors, ask, (holder, account) =>
      [...(world.accounts.accounts.get(account)?.slots.keys() ?? [])].some(
        (slot) => world.tokens.token({ account, slot })?.incarnation === holder,
      ),
    ),
    incarnation,
    clock,
    onLost: ({ partition }) =>
      world.trace(`${incarnation} found partition ${partition} to have lost something`),
    onFault: () => {},
  });
  const bus = world.bus.view({ from: process, link: createLink() });
  const desk = createReplyDesk();
  const stores = createSimAccounts({
    tables: world.accounts,
    tokens: world.tokens,
    ask,
    nowMs: () => kernel.nowMs,
  });
  const gate = createSimGate(world, of);
  const parts: Parameters<typeof makeAccount>[0] = {
    // The lifecycle asks for these alone; anything else would fail at once.
    accounts: stores as unknown as AccountStores,
    tokens,
    claims: createClaims(world, of, tokens, gate),
    gate,
    drivers: {
      of: async () =>
        createSimDriver({
          kernel,
          process,
          incarnation,
          messenger: world.messenger,
          grantOf: (socket) => gate.grantOf(socket),
        }),
    },
    clock,
    mayCall: () => true,
    events,
    seal: () => ({ ephemeral: "", sealed: "" }) as never,
    waits: createSimWaits(world.accounts, ask),
    cursors: createSimCursors(world.cursors, ask, world.mayWrite),
    outbox,
    desk,
    stream,
    losses: watch,
    onReply: () => {},
    onFloodWait: () => {},
    isFleets: () => false,
    onUnheard: () => {},
  };

  const serving = () => [...world.members.keys()].map(hostKey).toSorted();
  const members = {
    serving,
    leases: () =>
      [...world.members.keys()].map(
        (one) => ({ key: hostKey(one), channels: ["telegram"] }) as never,
      ),
    isLive: (id: string) => [...world.members.values()].some((one) => one.incarnation === id),
    onChange(listener: () => void) {
      const heard = () => process.deliver(kernel.random.next() * 20, listener);
      world.memberListeners.add(heard);
      return () => void world.memberListeners.delete(heard);
    },
  };
  /** Under which this node owns each partition. */
  const epochs = new Map<number, number>();
  const conversations = createSimConversations(world.turns, ask, {
    mayWrite: world.mayWrite,
    onCommit: world.judge.committed,
    pace: { gather: (setOut) => void clock.schedule(gatherMs, setOut), schedule: clock.schedule },
  });
  const bot = createSimBot(
    {
      nowMs: () => kernel.nowMs,
      asked: (turn) => world.judge.asked(turn, process.name),
      effect(turn, step) {
        const [channel = "", account = ""] = turn.split(":");
        const chatUser = userOf(world, account, turn);
        const epoch = epochs.get(partitionOf({ channel, account, chatUser })) ?? 0;
        world.judge.effect(turn, step, { process: process.name, epoch });
      },
    },
    process,
  );
  const kindOf = (account: string) => world.accounts.accounts.get(account)?.kind ?? null;
  const host = {
    find: (account: string) => accounts.get(account) ?? null,
    kindOf,
    known: (account: string) => {
      const kind = kindOf(account);
      return kind === null ? null : { kind, bot: null };
    },
    learn: async () => {},
    all: () => [...accounts.values()],
  };
  const nothing = () => {};
  const turns = createNodeTurns({
    bots: { answering: () => bot },
    talkTurnsMax: 0,
    host,
    gate,
    members,
    bus,
    store: {
      ...conversations,
      async claimPartition(partition, owner) {
        const claim = await conversations.claimPartition(partition, owner);
        epochs.set(partition, claim.epoch);
        return claim;
      },
    },
    rules: sessionRules,
    steps: createSimSteps(world.turns, world.steps, ask),
    parked: createSimParked(world.turns, world.parked, ask) as never,
    choices: { find: async () => null },
    media: { read: () => Promise.reject(new Error("nothing here has a file")) },
    channels: createChannels([telegramChannel(kindOf)]),
    desk,
    records: { duplicates: async () => 0 },
    stream,
    backlog: createSimBacklog(world.turns, world.backlog, ask),
    clock,
    events,
    metrics: {
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
    },
    log: { info: nothing, warn: nothing },
    retryMs: timings.retryMs,
  });

  const inTurn = serially();
  const sweep = sweepStrandedReplies({ outbox, host, clock, everyMs: sweepMs });

  function sweepAgain(): void {
    clock.schedule(sweepMs, () => void sweep().then(sweepAgain));
  }

  /** The accounts that belong here come, the others go: custody decides it, as placement says. */
  async function place(): Promise<void> {
    let isAgain = false;
    for (const account of world.accounts.accounts.keys()) {
      const isMine = placeOf(account, serving()) === hostKey(name);
      const running = accounts.get(account);
      if (isMine && running === undefined) await begin(account);
      if (isMine || running === undefined) continue;
      if (!running.mayMove) isAgain = true;
      else {
        await running.stop();
        accounts.delete(account);
      }
    }
    if (isAgain) clock.schedule(moveAgainMs, look);
  }

  async function begin(account: string): Promise<void> {
    for (;;) {
      try {
        const record = await stores.find(account);
        if (record === null) return;
        const made = makeAccount(parts, { timings, pacing: false }, record);
        accounts.set(account, made);
        await made.start();
        return;
      } catch {
        await wait(clock, timings.retryMs);
      }
    }
  }

  const look = (): void => void inTurn(place).catch(nothing);
  const stopWatching = members.onChange(look);
  const stopFreed = gate.stop;

  return {
    accounts,
    turns,
    async start() {
      await watch.start();
      await turns.start();
      sweepAgain();
    },
    end() {
      stopWatching();
      stopFreed();
    },
  };
}

/** The chat user whose message a turn answers. */
function userOf(world: EngineWorld, account: string, turn: string): string {
  const number = Number(turn.slice(turn.lastIndexOf(":") + 1));
  for (const { update } of world.messenger.accounts.get(account)!.updates) {
    if (update.messageId === number) return update.peer.userId;
  }
  return "";
}

/** The gate, which has the sockets; it cuts when it is told to, and when its node is gone. */
function createSimGate(world: EngineWorld, { name, incarnation }: NodeOf) {
  const { messenger } = world;
  const sockets = new Map<Duplex, GrantRef>();
  const isOf = (ref: SlotRef) => (other: SlotRef) =>
    other.account === ref.account && other.slot === ref.slot;

  const gate: Gate & { grantOf(socket: unknown): GrantRef | null; stop(): void } = {
    incarnation,
    host: name,
    admit: async () => {},
    async dial(grant) {
      // Nothing is read from it or written to it: the simulated client looks at whose it is alone.
      const socket = {} as Duplex;
      sockets.set(socket, grant);
      return socket;
    },
    async cut(grant) {
      for (const [socket, one] of sockets) if (isOf(grant)(one)) sockets.delete(socket);
      messenger.breakWires((wire) => wire.incarnation === incarnation && isOf(grant)(wire), true);
      return { sockets: 0, tookMs: 0 };
    },
    sockets: async (ref) =>
      messenger.wiresOf(ref.account).filter((wire) => wire.slot === ref.slot).length,
    grantOf: (socket) => sockets.get(socket as Duplex) ?? null,
    stop: () => sockets.clear(),
  };
  return gate;
}

/** Custody's claims, which a simulation of their own judges: a free token is granted, and who waits is woken. */
function createClaims(
  world: EngineWorld,
  { process, incarnation }: NodeOf,
  tokens: ReturnType<EngineWorld["tokens"]["over"]>,
  gate: Pick<Gate, "cut">,
): Parameters<typeof makeAccount>[0]["claims"] {
  return {
    async claim(ref, onRaising) {
      let outcome = await tokens.grant(ref, incarnation);
      const { token } = outcome;
      if (!outcome.applied && token?.incarnation === incarnation) {
        // The remains of an earlier attempt.
        const grant = { ...ref, epoch: token.epoch };
        await gate.cut(grant);
        await tokens.released(grant);
        outcome = await tokens.grant(ref, incarnation);
      }
      if (!outcome.applied) return null;
      const grant = { account: ref.account, slot: ref.slot, epoch: outcome.token.epoch };
      onRaising?.(grant, Promise.resolve());
      return grant;
    },
    confirm: async () => {},
    untilFree: (ref, signal) =>
      new Promise((resolve) => {
        const end = () => {
          world.freedListeners.delete(listener);
          signal.removeEventListener("abort", end);
          resolve();
        };
        const listener = (freed: SlotRef) => {
          if (freed.account === ref.account && freed.slot === ref.slot) process.deliver(2, end);
        };
        if (signal.aborted) return resolve();
        world.freedListeners.add(listener);
        signal.addEventListener("abort", end, { once: true });
      }),
    freed(ref) {
      for (const listener of [...world.freedListeners]) listener(ref);
    },
    taken: () => {},
  };
}
