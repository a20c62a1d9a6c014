import { HoldfastError } from "../../errors.ts";
import { partitionOf, partitions } from "../../ports/conversation/partitions.ts";
import { type Fault, faults, firstTroubled } from "./bystanders-faults.ts";
import { type Figure, figure, percentile } from "./figures.ts";
import { itemOf } from "./turn-flow.ts";
import { buildTurnWorld, type TurnWorld } from "./turn-world.ts";

const usersByDefault = 1_000;
const endpoints = { duringMax: 5, afterMax: 2, recoverMsMax: 60_000 } as const;

interface Pace {
  readonly perSecond: number;
  readonly quietMs: number;
  readonly messagesBehind: number;
  /** Of the fault's time. */
  readonly share: number;
}

const fullPace: Pace = { perSecond: 300, quietMs: 15_000, messagesBehind: 10_000, share: 1 };
/** A look at the program: its figures say little. */
const quickPace: Pace = { perSecond: 100, quietMs: 1_000, messagesBehind: 200, share: 1 / 30 };

export const faultNames = Object.keys(faults(0));

/**
 * 1,000 users talk at a steady pace, over a real nats-server and PostgreSQL, while something goes wrong with others.
 * A message's time runs from the moment that it was due, whatever was in its way. Each figure is beside the quiet part
 * of the same run.
 */
export async function measureBystanders(
  name: string,
  log: (line: string) => void,
  isQuick: boolean,
): Promise<readonly Figure[]> {
  const pace = isQuick ? quickPace : fullPace;
  const fault = faults(pace.messagesBehind)[name];
  if (fault === undefined) throw faultUnknown(name);
  const world = await buildTurnWorld(log, fault.options);
  try {
    return await measure(name, fault, world, pace, log);
  } finally {
    await world.stop();
    await fault.close?.();
  }
}

async function measure(
  name: string,
  fault: Fault,
  world: TurnWorld,
  { perSecond, quietMs, share }: Pace,
  log: (line: string) => void,
): Promise<readonly Figure[]> {
  const { users = usersByDefault, duringMax = endpoints.duringMax } = fault;
  const isBystander = (user: number): boolean => fault.concerns?.(user) !== true;
  const talk = createTalk(world, { perSecond, users, isBystander });
  await rest(quietMs / 3);
  const quiet = await talk.during(() => rest(quietMs));
  log(`quiet: p50 ${ms(quiet, 0.5)}, p99 ${ms(quiet, 0.99)}`);
  const faultMs = fault.ms * share;
  const during = await talk.during(async () => {
    const startMs = performance.now();
    const end = await fault.begin(world, faultMs);
    await rest(Math.max(0, faultMs - (performance.now() - startMs)));
    await end();
  });
  log(`${name}: p50 ${ms(during, 0.5)}, p99 ${ms(during, 0.99)}`);
  const endedMs = performance.now();
  await talk.caughtUp(endpoints.afterMax * percentile(quiet, 0.99));
  const recoverMs = performance.now() - endedMs;
  const after = await talk.during(() => rest(quietMs));
  log(`after ${Math.round(recoverMs)} ms: p50 ${ms(after, 0.5)}, p99 ${ms(after, 0.99)}`);
  await talk.stop();
  const parked = fault.parkedAs === undefined ? 0 : await parkedAs(world, fault.parkedAs);
  const { untaken, doubled } = await account(world, fault.parkedAs === undefined ? 0 : 1);
  const p99 = (samples: readonly number[]) => percentile(samples, 0.99);
  return [
    ...(fault.isOfOneUser
      ? [figure(`${name}-p99-during`, p99(during), "ms", duringMax * p99(quiet))]
      : []),
    figure(`${name}-p99-after`, p99(after), "ms", endpoints.afterMax * p99(quiet)),
    figure(`${name}-recovered-in`, recoverMs, "ms", endpoints.recoverMsMax),
    figure(`${name}-lost-or-parked`, untaken, "messages", 1),
    ...(fault.parkedAs === undefined ? [] : [figure(`${name}-parked`, parked, "messages", 1)]),
    figure(`${name}-doubled`, doubled + talk.doubled(), "replies", 1),
  ];
}

/** The bystanders, each in turn, at a steady pace. */
function createTalk(
  world: TurnWorld,
  {
    perSecond,
    users,
    isBystander,
  }: {
    readonly perSecond: number;
    readonly users: number;
    isBystander(user: number): boolean;
  },
) {
  const dueMs = new Map<string, { readonly atMs: number; readonly isCounted: boolean }>();
  const seen = new Set<string>();
  let doubled = 0;
  let samples: number[] = [];
  const append = createMouths(world);
  world.onReply = (chatUser, randomId) => {
    if (seen.has(randomId)) doubled += 1;
    seen.add(randomId);
    const said = dueMs.get(chatUser);
    dueMs.delete(chatUser);
    if (said?.isCounted === true) samples.push(performance.now() - said.atMs);
  };
  const startMs = performance.now();
  let said = 0;
  const pace = setInterval(() => {
    const nowMs = performance.now();
    for (; said < ((nowMs - startMs) / 1000) * perSecond; said += 1) {
      const user = said % users;
      const item = itemOf(user);
      // One who still waits for an answer says it again without being counted twice.
      if (!dueMs.has(item.chatUser)) {
        const atMs = startMs + (said * 1000) / perSecond;
        dueMs.set(item.chatUser, { atMs, isCounted: isBystander(user) });
      }
      append(item);
    }
  }, 2);
  return {
    /** Times of what was answered meanwhile, and of what waits at the end, so far. */
    async during(work: () => Promise<void>): Promise<readonly number[]> {
      samples = [];
      await work();
      const nowMs = performance.now();
      const waiting = [...dueMs.values()].filter(({ isCounted }) => isCounted);
      return [...samples, ...waiting.map(({ atMs }) => nowMs - atMs)];
    },
    /** What a fault has left waiting is worked off: nobody waits for longer than so many milliseconds. */
    async caughtUp(waitMsMax: number): Promise<void> {
      const isLate = ({ atMs, isCounted }: { atMs: number; isCounted: boolean }) =>
        isCounted && performance.now() - atMs > waitMsMax;
      while ([...dueMs.values()].some(isLate)) await rest(10);
    },
    async stop(): Promise<void> {
      clearInterval(pace);
      while (dueMs.size > 0) await rest(10);
    },
    doubled: () => doubled,
  };
}

const againMs = 250;

/** Each partition's messages in order; what the stream refuses is said again, as a cursor does it. */
function createMouths({ stream }: Pick<TurnWorld, "stream">) {
  type Item = ReturnType<typeof itemOf>;
  const queues = partitions.map((): Item[] => []);
  const isBusy = partitions.map(() => false);

  /** Never rejects. */
  async function say(partition: number): Promise<void> {
    isBusy[partition] = true;
    const queue = queues[partition]!;
    while (queue.length > 0) {
      const items = queue.slice(0, 100);
      try {
        await stream.append(items);
        queue.splice(0, items.length);
      } catch {
        await rest(againMs);
      }
    }
    isBusy[partition] = false;
  }

  return (item: Item): void => {
    const partition = partitionOf(item);
    queues[partition]!.push(item);
    if (isBusy[partition] !== true) void say(partition);
  };
}

const settleMsMax = 120_000;

/** The database's own count, once every message has its turn or none comes any more. */
async function account({ database }: TurnWorld, parked: number) {
  // The next number is the count of those before it.
  const said = Number(itemOf(firstTroubled).inboundId.slice("m:".length)) - 1;
  const saidBefore = said - parked;
  const count = async () => {
    const [row] = await database.query<{ turns: number; replies: number; ids: number }>(
      `select (select count(*)::int from turns) as turns, count(*)::int as replies,
         count(distinct random_id)::int as ids from outbox`,
    );
    return row!;
  };
  let found = await count();
  for (const endMs = performance.now() + settleMsMax; performance.now() < endMs; ) {
    if (found.turns >= saidBefore) break;
    await rest(250);
    found = await count();
  }
  const { turns, replies, ids } = found;
  return {
    untaken: Math.max(0, saidBefore - turns),
    doubled: Math.max(0, turns - saidBefore) + (replies - ids),
  };
}

/** Messages that are set aside under that code; -1: there are others. */
async function parkedAs({ database }: TurnWorld, code: string): Promise<number> {
  const look = () => database.query<{ code: string }>("select code from parked_turns");
  let rows = await look();
  for (const endMs = performance.now() + settleMsMax; performance.now() < endMs; ) {
    if (rows.length > 0) break;
    await rest(250);
    rows = await look();
  }
  return rows.every((row) => row.code === code) ? rows.length : -1;
}

const ms = (samples: readonly number[], share: number): string =>
  `${percentile(samples, share).toFixed(1)} ms`;

const rest = (restMs: number) => new Promise<void>((resolve) => setTimeout(resolve, restMs));

const faultUnknown = (name: string) =>
  new HoldfastError({
    code: "STAGE_UNKNOWN",
    message: `There is no stage "${name}"; there are: ${faultNames.join(", ")}.`,
    next: "Try: npm run bench -- bystanders --stage behind",
  });
