import { jetstreamManager } from "@nats-io/jetstream";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import type { Database } from "../../adapters/postgres/database.ts";
import { defaultNames, streamOf } from "../../adapters/nats/inbound-stream.ts";
import { createRetentionStore } from "../../adapters/postgres/retention-store.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import type { Clock } from "../../concurrency/clock.ts";
import { createRetentionJob, type RetentionJob } from "../../conversation/retention/job.ts";
import { partitions } from "../../ports/conversation/partitions.ts";
import { keptNames, type RetentionPolicy } from "../../ports/retention.ts";
import { type Figure, figure } from "./figures.ts";
import { itemOf } from "./turn-flow.ts";
import { buildTurnWorld, type TurnWorld } from "./turn-world.ts";

const dayMs = 86_400_000;
/** Messages that are appended in one go. */
const batch = 200;
/** A user writes on one day of so many. */
const restDays = 3;

export interface GrowthOptions {
  readonly days: number;
  readonly messagesPerDay: number;
  readonly policy: RetentionPolicy;
}

/** What stands there at the end of a day, in bytes. */
export interface GrowthDay {
  readonly tables: Readonly<Record<string, number>>;
  readonly streams: number;
}

const keptDays = (days: Readonly<Record<(typeof keptNames)[number], number>>): RetentionPolicy =>
  Object.fromEntries(keptNames.map((name) => [name, days[name] * dayMs])) as RetentionPolicy;

/** Short times, so that a month shows what a year does in production. */
export const shortPolicy = keptDays({
  replies: 3,
  turns: 7,
  sessions: 7,
  parked: 7,
  events: 7,
  keys: 7,
  ids: 10,
});
export const keepForEver = Object.fromEntries(
  keptNames.map((name) => [name, Number.POSITIVE_INFINITY]),
) as RetentionPolicy;

/**
 * Days of traffic through real servers, each stamped with its own date once it is over, and a run of the retention
 * after each. Throws when a message took no effect, or took it twice.
 */
export async function simulateGrowth(
  { days, messagesPerDay, policy }: GrowthOptions,
  log: (line: string) => void,
): Promise<readonly GrowthDay[]> {
  const world = await buildTurnWorld(log);
  const startMs = Date.now() - (days + 1) * dayMs;
  let nowMs = startMs;
  const system = createSystemClock();
  const job = retentionOver(world.database, policy, { ...system, now: () => nowMs });
  const series: GrowthDay[] = [];
  try {
    for (let day = 0; day < days; day += 1) {
      nowMs = startMs + day * dayMs;
      await takeDay(world, day, messagesPerDay);
      await stampDay(world.database, nowMs);
      nowMs += dayMs;
      for (let more = true; more; ) {
        const run = await job.run({ isDryRun: false, budgetMs: 60_000 });
        more = run?.more === true;
      }
      // As autovacuum does in its time.
      await world.database.query("vacuum");
      series.push({ tables: await tableSizes(world.database), streams: await streamBytes(world) });
    }
    return series;
  } finally {
    await world.stop();
  }
}

function retentionOver(database: Database, policy: RetentionPolicy, clock: Clock): RetentionJob {
  return createRetentionJob({
    store: createRetentionStore(database, conversationRules(conversationMachine)),
    policy,
    runner: "bench",
    clock,
    figures: { removed() {}, ran() {}, failed() {}, oldest() {} },
    onFault(error) {
      throw error;
    },
  });
}

async function takeDay(world: TurnWorld, day: number, messages: number): Promise<void> {
  let replies = 0;
  let answered = () => {};
  const all = new Promise<void>((resolve) => (answered = resolve));
  world.onReply = () => {
    replies += 1;
    if (replies === messages) answered();
  };
  const users = Math.ceil(messages / 4);
  const first = (day % restDays) * users;
  for (let said = 0; said < messages; said += batch) {
    const some = Math.min(batch, messages - said);
    await world.stream.append(
      Array.from({ length: some }, (_, n) => itemOf(first + ((said + n) % users))),
    );
  }
  await all;
  for (let unsent = 1; unsent > 0; ) {
    const [row] = await world.database.query<{ n: number }>(
      "select count(*)::int as n from outbox where state in ('pending', 'sending')",
    );
    unsent = row!.n;
  }
  for (const text of beside) await world.database.query(text, [messages]);
}

/** What a fleet writes beside its turns. */
const beside: readonly string[] = [
  `insert into lifecycle_events (account, from_state, to_state, event, epoch)
   select 'account-' || n % 20, 'seeking', 'active', 'connected', n from generate_series(1, $1::int / 10) n`,
  `insert into update_gaps (account, from_pts, to_pts, recovered)
   select 'account-' || n % 20, n, n + 1, 0 from generate_series(1, $1::int / 100) n`,
  `insert into webhook_requests (digest, inbound_id)
   select sha256(convert_to(random()::text, 'UTF8')), 'm:' || n from generate_series(1, $1::int / 4) n`,
  `insert into parked_turns (data, code, reason)
   select 'not an item ' || n, 'ITEM_MALFORMED', 'it is no inbound item' from generate_series(1, $1::int / 40) n`,
];

/** Gives the rows of a day their date: they are the ones that are younger than an hour. Its sessions have ended. */
async function stampDay(database: Database, atMs: number): Promise<void> {
  const at = [new Date(atMs)];
  const today = "now() - interval '1 hour'";
  for (const text of [
    `update turns set created_at = $1 where created_at > ${today}`,
    `update outbox set created_at = $1, changed_at = $1 where created_at > ${today}`,
    `update conversation_sessions set created_at = $1, last_turn_at = $1, ended_at = $1, status = 'expired'
     where last_turn_at > ${today}`,
    `update taken_messages set taken_on = $1::date where taken_on >= current_date - 1`,
    `update lifecycle_events set at = $1 where at > ${today}`,
    `update update_gaps set at = $1 where at > ${today}`,
    `update webhook_requests set created_at = $1 where created_at > ${today}`,
    `update parked_turns set parked_at = $1 where parked_at > ${today}`,
  ])
    await database.query(text, at);
}

/** With their indexes; months of turns together. */
async function tableSizes(database: Database): Promise<Readonly<Record<string, number>>> {
  const rows = await database.query<{ name: string; bytes: string }>(
    `select coalesce(i.inhparent, c.oid)::regclass::text as name, sum(pg_total_relation_size(c.oid))::text as bytes
     from pg_class c left join pg_inherits i on i.inhrelid = c.oid
     where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace group by 1 order by 1`,
  );
  return Object.fromEntries(rows.map(({ name, bytes }) => [name, Number(bytes)]));
}

async function streamBytes({ nats }: Pick<TurnWorld, "nats">): Promise<number> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const infos = await Promise.all(
    partitions.map((one) => manager.streams.info(streamOf(defaultNames, one))),
  );
  return infos.reduce((sum, { state }) => sum + state.bytes, 0);
}

export const totalOf = ({ tables }: GrowthDay): number =>
  Object.values(tables).reduce((sum, bytes) => sum + bytes, 0);

/** The largest of so many days. */
const largest = (days: readonly GrowthDay[]): number => Math.max(...days.map(totalOf));

/** The last third of the days beside the third before it: sizes that level off are the same in both. */
export function growthFigures(
  days: readonly GrowthDay[],
  forEver: readonly GrowthDay[],
): readonly Figure[] {
  const third = Math.floor(days.length / 3);
  const last = days.slice(-third);
  const before = days.slice(-2 * third, -third);
  return [
    figure("growth-tables-last-third-bytes", largest(last), "bytes", largest(before)),
    figure(
      "growth-tables-kept-for-ever-bytes",
      largest(forEver.slice(-third)),
      "bytes",
      largest(forEver.slice(-2 * third, -third)),
    ),
    figure(
      "growth-streams-largest-bytes",
      Math.max(...days.map(({ streams }) => streams)),
      "bytes",
      largest(last),
    ),
  ];
}

/** Thirty days, with the retention and without it. */
export async function measureGrowth(
  log: (line: string) => void,
  isQuick: boolean,
): Promise<readonly Figure[]> {
  const size = isQuick ? { days: 18, messagesPerDay: 200 } : { days: 30, messagesPerDay: 1_000 };
  const kept = await simulateGrowth({ ...size, policy: shortPolicy }, log);
  log(`with retention: ${kept.map((day) => Math.round(totalOf(day) / 1024)).join(" ")} KiB`);
  const without = await simulateGrowth({ ...size, policy: keepForEver }, log);
  log(`without: ${without.map((day) => Math.round(totalOf(day) / 1024)).join(" ")} KiB`);
  return growthFigures(kept, without);
}
