import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { connectNats } from "../../adapters/nats/connection.ts";
import { openInboundStream } from "../../adapters/nats/inbound-stream.ts";
import { type Database, openDatabase } from "../../adapters/postgres/database.ts";
import { createBacklogStore } from "../../adapters/postgres/backlog-store.ts";
import { createConversationStore } from "../../adapters/postgres/conversation-store.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { createOutboxStore } from "../../adapters/postgres/outbox-store.ts";
import { createParkedStore } from "../../adapters/postgres/parked-store.ts";
import { createOfferedChoices } from "../../adapters/postgres/offered-choices.ts";
import { createStepStore } from "../../adapters/postgres/step-store.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import { type EmbeddedNats, startNats } from "../../embedded/nats.ts";
import { type EmbeddedPostgres, startPostgres } from "../../embedded/postgres.ts";
import { createHotConversations } from "../../conversation/turns/session-cache.ts";
import { createReplyDesk } from "../../conversation/outbox/ticket.ts";
import { createTelegramSender } from "../../channels/telegram/sender.ts";
import { createBacklog } from "../../conversation/turns/backlog/backlog.ts";
import { createTurnEngine, type TurnEngine } from "../../conversation/turns/engine.ts";
import type { Bot, Turn } from "../../ports/conversation/bot.ts";
import type { ConversationStore } from "../../ports/conversation/conversation-store.ts";
import type { InboundItem, InboundStream } from "../../ports/conversation/inbound-stream.ts";
import { partitions } from "../../ports/conversation/partitions.ts";
import { type Figure, figure, percentile } from "./figures.ts";

const accountCount = 20;
const usersAtFullLoad = 600;
const warmUpMs = 3_000;
const measureMs = 8_000;
const singleTurns = 300;
const inactiveAfterMs = 86_400_000;
const lookupEveryMs = 10;
const endpoints = { turnsPerS: 10_000, p99Ms: 50, singleMs: 5, lookupMs: 10 } as const;

/** Answers with the message it read, so that history is a part of every turn. */
const makeBot = (before: TurnWorldOptions["beforeTurn"]): Bot => ({
  name: "bench",
  handle(turn) {
    const said = turn.input.kind === "text" ? turn.input.text : "?";
    const slow = before?.(said);
    return slow === undefined ? answer(turn, said) : slow.then(() => answer(turn, said));
  },
});

function answer(turn: Turn, said: string): void {
  const { history, state } = turn;
  turn.record("seen", { messages: history.length });
  turn.setState({ machineId: "bench", schemaVersion: 1, state: { before: state !== null } });
  turn.reply(`${said}, after ${history.length} messages`);
}

/** What goes wrong in a world, for who measures that. */
export interface TurnWorldOptions {
  readonly beforeTurn?: (text: string) => Promise<void> | undefined;
  /** Before a reply arrives at Telegram. A rejection is Telegram's. */
  readonly beforeReply?: (chatUser: string) => Promise<void>;
  /** By which address the program reaches nats-server. */
  readonly natsUrl?: (server: EmbeddedNats) => Promise<string>;
}

export interface TurnWorld {
  readonly postgres: EmbeddedPostgres;
  readonly home: string;
  readonly nats: NatsConnection;
  readonly engines: readonly TurnEngine[];
  readonly stream: InboundStream;
  readonly store: ConversationStore;
  readonly database: Database;
  /** Called with each reply sent, under the account's name. */
  onReply: (chatUser: string, randomId: string) => void;
  stop(): Promise<void>;
}

/**
 * Runs turns from the stream to their replies, in one process with a real nats-server and
 * PostgreSQL. Counts replies where a Telegram client would send them. Afterwards the database shows
 * whether each turn was taken once.
 */
export async function measureTurnFlow(log: (line: string) => void): Promise<readonly Figure[]> {
  const world = await buildTurnWorld(log);
  try {
    const full = await closedLoop(world, usersAtFullLoad, log);
    const half = await openLoop(world, full.perSecond / 2);
    log(`half load: p50 ${half.p50.toFixed(1)} ms, p99 ${half.p99.toFixed(1)} ms`);
    const single = await oneUser(world);
    await prove(world.database, full.sent);
    return [
      figure("turns-end-to-end-per-s", full.perSecond, "turns/s", endpoints.turnsPerS),
      figure("turn-p99-half-load-ms", half.p99, "ms", endpoints.p99Ms),
      figure("turn-single-user-p50-ms", single, "ms", endpoints.singleMs),
      figure("session-lookup-p99-ms", half.lookupP99, "ms", endpoints.lookupMs),
    ];
  } finally {
    await world.stop();
  }
}

export async function buildTurnWorld(
  log: (line: string) => void,
  options: TurnWorldOptions = {},
): Promise<TurnWorld> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  const part = { home: folder, log: () => {}, endsWithParent: true };
  const [postgres, server] = await Promise.all([startPostgres(part), startNats(part)]);
  log(`nats-server ${server.version}, PostgreSQL with fsync on`);
  await migrate(postgres.url);
  const database = openDatabase(postgres.url, { poolMax: 8 });
  const accounts = Array.from({ length: accountCount }, (_, n) => `account-${n}`);
  await addAccounts(database, accounts);
  const access = server.access("node");
  const url = (await options.natsUrl?.(server)) ?? access.url;
  const nats = await connectNats({ ...access, url }, "bench");
  const parked = createParkedStore(database);
  const stream = await openInboundStream(nats, { host: "bench", keepParked: parked.keep });
  const rules = conversationRules(conversationMachine);
  const store = createConversationStore(database, { rules });
  const clock = createSystemClock();
  const events = { report: () => {} };
  const world: { onReply: TurnWorld["onReply"] } = { onReply: () => {} };

  let messageId = 0;
  const outbox = createOutboxStore(database);
  const desk = createReplyDesk();
  const senders = new Map(
    accounts.map((account) => [
      account,
      createTelegramSender({
        store: outbox,
        client: {
          async send({ peer, randomId }) {
            await options.beforeReply?.(peer.userId);
            world.onReply(peer.userId, randomId);
            return { messageId: (messageId += 1) };
          },
          history: async () => [],
          dialogs: async () => [],
        },
        grant: { account, slot: 1, epoch: 1 },
        kind: "user",
        desk,
        clock,
        events,
        onFlood: () => {},
        onTokenLost: () => {},
        onReply: () => {},
      }),
    ]),
  );
  const claims = await Promise.all(
    partitions.map((partition) => store.claimPartition(partition, "bench")),
  );
  const bot = makeBot(options.beforeTurn);
  const backlog = createBacklogStore(database);
  const engines = claims.map((claim) =>
    createTurnEngine({
      store: createHotConversations(store, clock, rules),
      rules,
      steps: createStepStore(database),
      parked,
      choices: createOfferedChoices(database),
      media: { read: () => Promise.reject(new Error("nothing here has a file")) },
      stream: createBacklog({ stream, keep: parked.keep, store: backlog, claim, clock, events }),
      clock,
      events,
      claim,
      inactiveAfterMs,
      findBot: () => ({ bot, style: "numbered", sentBy: "holder" }),
      desk,
      notifyOutbox: ({ account }) => senders.get(account)?.notify(),
      onDecision: () => {},
      onTurn: () => {},
      onStaleOwner: () => {},
    }),
  );
  await Promise.all([...senders.values()].map((sender) => sender.start()));
  await Promise.all(engines.map((engine) => engine.start()));
  return Object.assign(world, {
    postgres,
    home: folder,
    nats,
    engines,
    stream,
    store,
    database,
    async stop() {
      await Promise.all(engines.map((engine) => engine.stop()));
      await Promise.all([...senders.values()].map((sender) => sender.stop()));
      await nats.close();
      await database.close();
      await Promise.all([server.stop(), postgres.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  });
}

/** Accounts whose tokens this process holds. */
async function addAccounts(database: Database, names: readonly string[]): Promise<void> {
  for (const statement of [
    "insert into incarnations (id, host, proof) values ('bench', 'bench', '{}')",
    "insert into accounts (name, kind, credentials, serving_slot) select name, 'user', '\\x00', 1 from unnest($1::text[]) name",
    "insert into authorisations (account, slot, state) select name, 1, 'SERVING' from unnest($1::text[]) name",
    `insert into tokens (account, slot, epoch, state, held_as, incarnation)
     select name, 1, 1, 'connected', 'connected', 'bench' from unnest($1::text[]) name`,
  ]) {
    await database.query(statement, statement.includes("$1") ? [names] : []);
  }
}

let inbounds = 0;

/** The next message of a user, with an id of its own. */
export function itemOf(user: number): InboundItem {
  inbounds += 1;
  return {
    channel: "telegram",
    account: `account-${user % accountCount}`,
    chatUser: `user-${user}`,
    peer: { userId: `user-${user}`, accessHash: "1" },
    inboundId: `m:${inbounds}`,
    kind: "text",
    text: `Le carrelage de la salle de bain est posé, message ${inbounds}`,
    receivedAtMs: 0,
  };
}

/**
 * Gathers the messages of one turn of the event loop, as a holder appends the updates of a packet
 * together.
 */
function createMouth({ stream }: Pick<TurnWorld, "stream">) {
  let waiting: InboundItem[] = [];
  return (user: number): void => {
    waiting.push(itemOf(user));
    if (waiting.length > 1) return;
    setImmediate(() => {
      const items = waiting;
      waiting = [];
      void stream.append(items);
    });
  };
}

const userOf = (chatUser: string): number => Number(chatUser.slice("user-".length));

/** Every user writes again as soon as the reply arrives. */
async function closedLoop(world: TurnWorld, users: number, log: (line: string) => void) {
  const say = createMouth(world);
  let replies = 0;
  let isOver = false;
  let open = users;
  let finished = () => {};
  const allAnswered = new Promise<void>((resolve) => (finished = resolve));
  const seen = new Set<string>();
  world.onReply = (chatUser, randomId) => {
    replies += 1;
    seen.add(randomId);
    if (!isOver) say(userOf(chatUser));
    else if ((open -= 1) === 0) finished();
  };
  for (let user = 0; user < users; user += 1) say(user);
  await rest(warmUpMs);
  const [before, sinceMs] = [replies, performance.now()];
  await rest(measureMs);
  const perSecond = ((replies - before) * 1000) / (performance.now() - sinceMs);
  isOver = true;
  await allAnswered;
  if (seen.size !== replies) throw new Error(`${replies - seen.size} replies left twice`);
  log(`${users} users in flight: ${Math.round(perSecond)} turns/s from the stream to the reply`);
  return { perSecond, sent: seen };
}

/** Messages at a steady pace, from users in turn, while sessions are looked up. */
async function openLoop(world: TurnWorld, perSecond: number) {
  const say = createMouth(world);
  const saidMs = new Map<number, number>();
  const tookMs: number[] = [];
  const lookupMs: number[] = [];
  const users = usersAtFullLoad * 4;
  let next = 0;
  let isWarm = false;
  world.onReply = (chatUser) => {
    const sinceMs = saidMs.get(userOf(chatUser));
    if (sinceMs !== undefined && isWarm) tookMs.push(performance.now() - sinceMs);
    saidMs.delete(userOf(chatUser));
  };
  const startMs = performance.now();
  let said = 0;
  const pace = setInterval(() => {
    const due = ((performance.now() - startMs) / 1000) * perSecond;
    for (; said < due; said += 1) {
      next = (next + 1) % users;
      if (saidMs.has(next)) continue;
      saidMs.set(next, performance.now());
      say(next);
    }
  }, 1);
  const look = setInterval(() => {
    const user = Math.floor(Math.random() * users);
    const sinceMs = performance.now();
    const key = {
      channel: "telegram",
      account: `account-${user % accountCount}`,
      chatUser: `user-${user}`,
    };
    void world.store.load(key, inactiveAfterMs).then(() => {
      if (isWarm) lookupMs.push(performance.now() - sinceMs);
    });
  }, lookupEveryMs);
  await rest(warmUpMs);
  isWarm = true;
  await rest(measureMs);
  clearInterval(pace);
  clearInterval(look);
  while (saidMs.size > 0) await rest(10);
  return {
    p50: percentile(tookMs, 0.5),
    p99: percentile(tookMs, 0.99),
    lookupP99: percentile(lookupMs, 0.99),
  };
}

/** One person, one message after the other. */
async function oneUser(world: TurnWorld): Promise<number> {
  const tookMs: number[] = [];
  for (let turn = 0; turn < singleTurns; turn += 1) {
    const sinceMs = performance.now();
    await new Promise<void>((resolve) => {
      world.onReply = () => resolve();
      void world.stream.append([itemOf(0)]);
    });
    tookMs.push(performance.now() - sinceMs);
  }
  return percentile(tookMs, 0.5);
}

/** The database's own count: one turn and one reply for each message, none twice. */
async function prove(database: Database, sent: ReadonlySet<string>): Promise<void> {
  const [row] = await database.query<{ turns: number; replies: number; ids: number }>(
    `select (select count(*)::int from turns) as turns, count(*)::int as replies,
       count(distinct random_id)::int as ids from outbox`,
  );
  const { turns = 0, replies = 0, ids = 0 } = row ?? {};
  if (turns !== inbounds || replies !== inbounds || ids !== inbounds || sent.size > inbounds) {
    throw new Error(
      `${inbounds} messages, ${turns} turns, ${replies} replies, ${ids} of them different`,
    );
  }
}

const rest = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
