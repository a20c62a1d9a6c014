import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NatsConnection } from "@nats-io/transport-node";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createBotPool } from "../../adapters/bots/bot-pool.ts";
import { connectNats } from "../../adapters/nats/connection.ts";
import { openInboundStream } from "../../adapters/nats/inbound-stream.ts";
import { type Database, openDatabase } from "../../adapters/postgres/database.ts";
import { createBacklogStore } from "../../adapters/postgres/backlog-store.ts";
import { createConversationStore } from "../../adapters/postgres/conversation-store.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { createOutboxStore } from "../../adapters/postgres/outbox-store.ts";
import { createParkedStore } from "../../adapters/postgres/parked-store.ts";
import { createOfferedChoices } from "../../adapters/postgres/offered-choices.ts";
import { createSuspectStore } from "../../adapters/postgres/suspect-store.ts";
import { createStepStore } from "../../adapters/postgres/step-store.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import { type EmbeddedNats, startNats } from "../../embedded/nats.ts";
import { type EmbeddedPostgres, startPostgres } from "../../embedded/postgres.ts";
import { createHotConversations } from "../../conversation/turns/session-cache.ts";
import { runHere } from "../../conversation/turns/bot-here.ts";
import { createReplyDesk } from "../../conversation/outbox/ticket.ts";
import { createTelegramSender } from "../../channels/telegram/sender.ts";
import { createBacklog } from "../../conversation/turns/backlog/backlog.ts";
import { answer } from "./bench-bot.ts";
import { createTurnEngine, type TurnEngine } from "../../conversation/turns/engine.ts";
import type { Turn } from "../../ports/conversation/bot.ts";
import type { BotRunner } from "../../ports/conversation/bot-runner.ts";
import type { ConversationStore } from "../../ports/conversation/conversation-store.ts";
import type { InboundStream } from "../../ports/conversation/inbound-stream.ts";
import { partitions } from "../../ports/conversation/partitions.ts";

/** Accounts of a world, `account-0` and so on. */
export const accountCount = 20;
export const inactiveAfterMs = 86_400_000;

/** The bench's bot in a process of its own, or in this one where a turn is to be slowed down from here. */
async function openBot(
  { beforeTurn, botFile = benchBot }: TurnWorldOptions,
  folder: string,
  log: (line: string) => void,
): Promise<BotRunner & { close?(): void }> {
  if (beforeTurn !== undefined) {
    const handle = async (turn: Turn): Promise<void> => {
      const said = turn.input.kind === "text" ? turn.input.text : "?";
      await beforeTurn(said);
      answer(turn, said);
    };
    return runHere({ name: "bench", handle });
  }
  const pool = createBotPool({
    file: botFile,
    home: folder,
    folders: [],
    env: {},
    memoryMb: 256,
    processes: 2,
    hangMs: 5_000,
    clock: createSystemClock(),
    onLine: log,
    onFloating: (error) => log(error.line),
    onFault: log,
  });
  await pool.loaded;
  return pool;
}

const benchBot = fileURLToPath(new URL("bench-bot.ts", import.meta.url));

/** What goes wrong in a world, for who measures that. */
export interface TurnWorldOptions {
  readonly beforeTurn?: (text: string) => Promise<void> | undefined;
  /** The bot, in place of one that answers. */
  readonly botFile?: string;
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

/** A world of turns on real servers. `stop` ends it. */
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
  const bot = await openBot(options, folder, log);
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
      suspects: createSuspectStore(database),
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
      bot.close?.();
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
