import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createConversationStore } from "../../adapters/postgres/conversation-store.ts";
import { type Database, openDatabase } from "../../adapters/postgres/database.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import { startPostgres } from "../../embedded/postgres.ts";
import { createHotConversations } from "../../conversation/turns/session-cache.ts";
import type { PartitionClaim, TurnRecord } from "../../ports/conversation/conversation-store.ts";
import { type Figure, figure } from "./figures.ts";

const users = 20_000;
const manyUsers = 1_000_000;
const fillMsMax = 600_000;
const bytesPerHotMax = 4_096;
const historyLength = 20;
/**
 * The stores alternate, so that other load of the machine meets all of them; the best round of each
 * counts.
 */
const rounds = 2;
const warmUpMs = 2_000;
const measureMs = 6_000;
const inactiveAfterMs = 86_400_000;
const groupedInFlight = 512;
/**
 * The number at which the patterns without groups are fastest; more would only wait for a
 * connection.
 */
const plainInFlight = 32;

/** As long as usual messages to bots and their answers. */
const said = "Le carrelage de la salle de bain est posé, il reste les joints et les plinthes.";
const answered = "C'est noté. Voici les tâches du chantier de Champigny qui restent à faire.";
const unbounded = { charactersMax: 512 * 1024 * 1024, restMsMax: 86_400_000 };
const output = {
  site: "Champigny",
  tasks: ["Poser les plinthes", "Peindre le couloir", "Vérifier l'électricité"],
};
const state = {
  machineId: "site-manager",
  schemaVersion: 1,
  state: { at: "tasks", site: "Champigny", page: 2 },
};

/** One way to take a turn durably: reads the earlier messages, writes the new ones. */
interface Pattern {
  readonly name: string;
  readonly inFlight: number;
  takeTurn(user: number): Promise<void>;
}

/**
 * Durable turns per second of this store, of the pattern that it replaces and of a common bot
 * framework's storage.
 */
export async function measureTurnStores(log: (line: string) => void): Promise<readonly Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  const postgres = await startPostgres({ home: folder, log: () => {}, endsWithParent: true });
  const database = openDatabase(postgres.url, {
    poolMax: plainInFlight,
    statementTimeoutMs: fillMsMax,
  });
  try {
    await migrate(postgres.url);
    await fill(database);
    log(await durabilityOf(database));
    const clock = createSystemClock();
    const rules = conversationRules(conversationMachine);
    const store = createConversationStore(database, { rules });
    const claim = await store.claimPartition(0, "bench");
    const grouped = groupedPattern(createHotConversations(store, clock, rules, unbounded), claim);
    const patterns = [grouped, oldPattern(database), blobPattern(database)];
    const best = new Map<string, number>();
    for (let round = 1; round <= rounds; round += 1) {
      for (const pattern of patterns) {
        const perSecond = await turnsPerSecond(pattern);
        best.set(pattern.name, Math.max(best.get(pattern.name) ?? 0, perSecond));
        log(`${pattern.name}, round ${round} of ${rounds}: ${Math.round(perSecond)} turns/s`);
      }
    }
    const [ours, old, blob] = patterns.map(({ name }) => best.get(name) ?? Number.NaN);
    // From here on the memory of the previous pattern is out of date.
    const hot = createHotConversations(store, clock, rules, unbounded);
    const bytes = await bytesPerHotConversation(hot, claim);
    log(`${Math.round(bytes)} bytes for each conversation that is remembered`);
    await addUsers(database, manyUsers - users);
    const among = await turnsPerSecond(groupedPattern(hot, claim));
    log(`the same ${users} among ${manyUsers} users: ${Math.round(among)} turns/s`);
    return [
      figure("turns-store-vs-old-pattern", ours!, "turns/s", old!),
      figure("turns-store-vs-grammy-psql", ours!, "turns/s", blob!),
      figure("memory-per-hot-conversation-bytes", bytes, "bytes", bytesPerHotMax),
      figure("throughput-at-1m-users-ratio", among, "turns/s", ours!),
    ];
  } finally {
    await database.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function durabilityOf(database: Database): Promise<string> {
  const [row] = await database.query<{ fsync: string; commit: string }>(
    `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit`,
  );
  return `fsync ${row!.fsync}, synchronous_commit ${row!.commit}, histories of ${historyLength} messages`;
}

/** The same users with the same histories for each pattern. */
async function fill(database: Database): Promise<void> {
  const quoted = (value: unknown) =>
    `$q$${typeof value === "string" ? value : JSON.stringify(value)}$q$`;
  const message = `generate_series(1, ${historyLength}) m`;
  const role = "case m % 2 when 1 then 'user' else 'bot' end";
  const body = `case m % 2 when 1 then ${quoted(said)} else ${quoted(answered)} end`;
  const outputs = `select json_agg(${quoted(output)}::json) from generate_series(1, 10)`;
  const messages = `select json_agg(json_build_object('role', ${role}, 'body', ${body})) from ${message}`;
  await database.query(
    `insert into conversation_sessions (channel, account, chat_user, turns, last_seq, snapshot)
     select 'telegram', 'bench', 'user-' || u, ${historyLength / 2}, ${historyLength}, ${quoted(state)}::jsonb
     from generate_series(1, ${users}) u`,
  );
  for (const statement of [
    `insert into turns (session_id, seq, channel, account, inbound_id, asked, replies, tool_outputs)
     select s.id, t * 2 - 1, channel, account, 'past:' || s.id || ':' || t, ${quoted(said)},
       json_build_array(json_build_object('body', ${quoted(answered)}, 'menu', null)),
       json_build_array(json_build_object('seq', (t * 2 - 1) * 64, 'name', 'tasks', 'output', ${quoted(output)}::json))
     from conversation_sessions s, generate_series(1, ${historyLength / 2}) t`,
    `create table old_sessions as select gen_random_uuid() as id, chat_user as user_id, 'active' as status,
     ${quoted(state)}::jsonb as context, now() as created_at, now() as updated_at from conversation_sessions`,
    `create table old_messages as select gen_random_uuid() as id, s.id as session_id, ${role} as role,
     ${body} as content, ${quoted(output)}::jsonb as tool_outputs, now() + m * interval '1 microsecond' as created_at
     from old_sessions s, ${message}`,
    `create table blobs as select chat_user as key, json_build_object('state', ${quoted(state)}::json,
     'messages', (${messages}), 'outputs', (${outputs}))::text as value from conversation_sessions`,
  ]) {
    await database.query(statement);
  }
  for (const statement of [
    "alter table old_sessions add primary key (id), alter id set default gen_random_uuid()",
    "create index on old_sessions (user_id, status, created_at desc)",
    "alter table old_messages add primary key (id), alter id set default gen_random_uuid()",
    "create index on old_messages (session_id, created_at desc)",
    "alter table blobs add primary key (key)",
    `create function get_or_create_session(of text) returns uuid language plpgsql as $$
     declare found uuid; begin
       select id into found from old_sessions where user_id = of and status = 'active' order by created_at desc limit 1;
       if found is null then insert into old_sessions (user_id, status) values (of, 'active') returning id into found; end if;
       return found; end $$`,
    "vacuum analyze",
    "checkpoint",
  ]) {
    await database.query(statement);
  }
}

type HotConversations = ReturnType<typeof createHotConversations>;

const groupedPattern = (hot: HotConversations, claim: PartitionClaim): Pattern => ({
  name: "many turns per statement",
  inFlight: groupedInFlight,
  takeTurn: (user) => takeHotTurn(hot, claim, user),
});

let turnsTaken = 0;
async function takeHotTurn(
  hot: HotConversations,
  claim: PartitionClaim,
  user: number,
): Promise<void> {
  const number = String((turnsTaken += 1));
  const key = { channel: "telegram", account: "bench", chatUser: `user-${user}` };
  const session = await hot.load(key, inactiveAfterMs);
  // Field by field, as the engine does it.
  const turn: TurnRecord = {
    channel: key.channel,
    account: key.account,
    chatUser: key.chatUser,
    session,
    inboundId: `m:${number}`,
    peer: { userId: key.chatUser, accessHash: "1" },
    text: said,
    media: undefined,
    snapshot: state,
    context: null,
    progress: undefined,
    toolOutputs: [{ seq: (session.lastSeq + 1) * 64, name: "tasks", output }],
    replies: [{ seq: session.lastSeq + 2, body: answered, menu: null, randomId: number }],
    status: "active",
    sentBy: "holder",
  };
  const outcome = await hot.commit(turn, claim);
  if (outcome !== "committed") throw new Error(`a turn of ${key.chatUser} was ${outcome}`);
}

/**
 * The replaced bot: reads the session three times and the history, then writes the new messages.
 */
function oldPattern(database: Database): Pattern {
  return {
    name: "the old pattern",
    inFlight: plainInFlight,
    async takeTurn(user) {
      let session = "";
      for (let asked = 1; asked <= 3; asked += 1) {
        const [row] = await database.query<{ id: string }>(
          "select get_or_create_session($1) as id",
          [`user-${user}`],
        );
        session = row!.id;
      }
      await database.query(
        `select role, content, tool_outputs from old_messages where session_id = $1
         order by created_at desc limit ${historyLength}`,
        [session],
      );
      await database.query(
        `with said as (insert into old_messages (session_id, role, content, tool_outputs, created_at)
           values ($1, 'user', $2, null, clock_timestamp()), ($1, 'bot', $3, $4, clock_timestamp()))
         update old_sessions set context = $5, updated_at = now() where id = $1`,
        [session, said, answered, JSON.stringify(output), JSON.stringify(state)],
      );
    },
  };
}

interface Blob {
  state: unknown;
  messages: unknown[];
  outputs: unknown[];
}

/** One value per chat, read and written whole: the statements of @grammyjs/storage-psql 2.5. */
function blobPattern(database: Database): Pattern {
  return {
    name: "grammY's session in Postgres",
    inFlight: plainInFlight,
    async takeTurn(user) {
      const key = `user-${user}`;
      const [row] = await database.query<{ value: string }>(
        "select value from blobs where key = $1",
        [key],
      );
      const blob = JSON.parse(row!.value) as Blob;
      blob.messages = [
        ...blob.messages,
        { role: "user", body: said },
        { role: "bot", body: answered },
      ].slice(-historyLength);
      blob.outputs = [...blob.outputs, output].slice(-10);
      blob.state = state;
      await database.query(
        "insert into blobs (key, value) values ($1, $2) on conflict (key) do update set value = $2",
        [key, JSON.stringify(blob)],
      );
    },
  };
}

/**
 * Users are chosen at random, but never twice at a time, as the turns of one user follow each
 * other.
 */
async function turnsPerSecond({ inFlight, takeTurn }: Pattern): Promise<number> {
  const share = Math.floor(users / inFlight);
  let turns = 0;
  let isOver = false;
  const workers = Array.from({ length: inFlight }, async (_, worker) => {
    while (!isOver) {
      await takeTurn(1 + worker * share + Math.floor(Math.random() * share));
      turns += 1;
    }
  });
  const working = Promise.all(workers);
  await Promise.race([working, rest(warmUpMs)]);
  const [turnsBefore, sinceMs] = [turns, performance.now()];
  await Promise.race([working, rest(measureMs)]);
  const perSecond = ((turns - turnsBefore) * 1000) / (performance.now() - sinceMs);
  isOver = true;
  await working;
  return perSecond;
}

/** Growth of the heap for each conversation, after one turn of each. */
async function bytesPerHotConversation(
  hot: HotConversations,
  claim: PartitionClaim,
): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  let next = 1;
  const worker = async () => {
    for (let user = next; user <= users; user = next) {
      next += 1;
      await takeHotTurn(hot, claim, user);
    }
  };
  await Promise.all(Array.from({ length: groupedInFlight }, worker));
  collect();
  return (process.memoryUsage().heapUsed - before) / hot.size;
}

/** Users who have written once and rest since. */
async function addUsers(database: Database, count: number): Promise<void> {
  for (const statement of [
    `insert into conversation_sessions (channel, account, chat_user, turns, last_seq)
     select 'telegram', 'bench', 'resting-' || u, 1, 2 from generate_series(1, $1::int) u`,
    `insert into turns (session_id, seq, channel, account, inbound_id, asked, replies)
     select id, 1, channel, account, 'once:' || id, '${said}',
       json_build_array(json_build_object('body', 'Bonjour', 'menu', null))
     from conversation_sessions where chat_user like 'resting-%' limit $1::int`,
  ]) {
    await database.query(statement, [count]);
  }
  await database.query("vacuum analyze");
  await database.query("checkpoint");
}

const rest = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
