import { type Database } from "../../adapters/postgres/database.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import { type Figure, figure, percentile } from "./figures.ts";
import { accountCount, buildTurnWorld, inactiveAfterMs, type TurnWorld } from "./turn-world.ts";

const usersAtFullLoad = 600;
const warmUpMs = 3_000;
const measureMs = 8_000;
const singleTurns = 300;
const lookupEveryMs = 10;
const endpoints = { turnsPerS: 10_000, p99Ms: 50, singleMs: 5, lookupMs: 10 } as const;

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

let inbounds = 0;

/** The next message of a user, with an id of its own. */
export function itemOf(user: number, text?: string): InboundItem {
  inbounds += 1;
  return {
    channel: "telegram",
    account: `account-${user % accountCount}`,
    chatUser: `user-${user}`,
    peer: { userId: `user-${user}`, accessHash: "1" },
    inboundId: `m:${inbounds}`,
    kind: "text",
    text: text ?? `Le carrelage de la salle de bain est posé, message ${inbounds}`,
    receivedAtMs: Date.now(),
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
