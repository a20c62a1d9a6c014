import { fileURLToPath } from "node:url";
import { jetstreamManager } from "@nats-io/jetstream";
import { Client } from "pg";
import { streamOf } from "../../adapters/nats/inbound-stream.ts";
import { type EmbeddedNats, startNats } from "../../embedded/nats.ts";
import { partitionOf } from "../../ports/conversation/partitions.ts";
import { TelegramError } from "../../ports/telegram/telegram-error.ts";
import { createProxy, type Proxy } from "../chaos/proxy.ts";
import { itemOf } from "./turn-flow.ts";
import type { TurnWorld, TurnWorldOptions } from "./turn-world.ts";

/** Users beyond the bystanders: the fault is theirs. */
export const firstTroubled = 100_000;

/** Something that goes wrong for a time, in a world that was built with `options`. */
export interface Fault {
  /** Bystanders, where they are fewer than usual. */
  readonly users?: number;
  /** Of the others' p99 in the quiet part, at most so often. */
  readonly duringMax?: number;
  /** The reason under which the fault's one message is set aside; by default nothing is. */
  readonly parkedAs?: string;
  readonly options?: TurnWorldOptions;
  readonly ms: number;
  /** Whether others are to be as quick as before while it lasts. */
  readonly isOfOneUser: boolean;
  /** Not one of these users is a bystander. */
  readonly concerns?: (user: number) => boolean;
  /** Answers how it ends. */
  begin(world: TurnWorld, ms: number): Promise<() => Promise<void>>;
  /** After the world has stopped. */
  close?(): Promise<void>;
}

const names = { stream: "HOLDFAST_INBOUND" };
const rest = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const nothing = async () => {};

/** Replies to these chats fail at Telegram until the fault ends. */
function deadChats(): Fault {
  const dead = new Set<string>();
  return {
    ms: 30_000,
    isOfOneUser: true,
    options: {
      async beforeReply(chatUser) {
        if (!dead.has(chatUser)) return;
        const code = "INTERDC_4_CALL_ERROR";
        throw new TelegramError({ code, kind: "unknown", message: code });
      },
    },
    async begin({ stream }) {
      const items = Array.from({ length: 100 }, (_, n) => itemOf(firstTroubled + n));
      for (const { chatUser } of items) dead.add(chatUser);
      await stream.append(items);
      return async () => dead.clear();
    },
  };
}

/** Each reply to one chat takes as long as the fault. */
function slowRecipient(): Fault {
  let slowMs = 0;
  return {
    ms: 30_000,
    isOfOneUser: true,
    options: {
      async beforeReply(chatUser) {
        if (chatUser === `user-${firstTroubled}` && slowMs > 0) await rest(slowMs);
      },
    },
    async begin({ stream }, ms) {
      slowMs = ms;
      await stream.append(Array.from({ length: 3 }, () => itemOf(firstTroubled)));
      return async () => void (slowMs = 0);
    },
  };
}

/** One user's handler takes as long as the fault, and 10,000 messages of that user wait behind it. */
function behind(count: number): Fault {
  let slowMs = 0;
  let slowText = "";
  return {
    ms: 30_000,
    isOfOneUser: true,
    options: {
      beforeTurn: (text) => (slowMs > 0 && text === slowText ? rest(slowMs) : undefined),
    },
    async begin({ stream }, ms) {
      const first = itemOf(firstTroubled);
      [slowMs, slowText] = [ms, first.text];
      await stream.append([first]);
      // As pushes come: one message of the stream each.
      const share = Array.from({ length: 20 }, async () => {
        for (let said = 0; said < count / 20; said += 1)
          await stream.append([itemOf(firstTroubled)]);
      });
      await Promise.all(share);
      return nothing;
    },
  };
}

async function administer(url: string, ...statements: readonly string[]): Promise<Client> {
  const client = new Client({
    connectionString: url,
    options: "-c default_transaction_read_only=off",
  });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  return client;
}

/** As a database that was made a standby answers. */
const readOnly: Fault = {
  ms: 60_000,
  isOfOneUser: false,
  async begin({ postgres }) {
    const set = "alter system set default_transaction_read_only = on";
    const client = await administer(postgres.url, set, "select pg_reload_conf()");
    return async () => {
      await client.query("alter system reset default_transaction_read_only");
      await client.query("select pg_reload_conf()");
      await client.end();
    };
  },
};

/** As a migration behind a dump locks it. */
const locked: Fault = {
  ms: 30_000,
  isOfOneUser: false,
  async begin({ postgres }) {
    const lock = "lock table outbox in access exclusive mode";
    const client = await administer(postgres.url, "begin", lock);
    return async () => {
      await client.query("commit");
      await client.end();
    };
  },
};

/** nats-server ends and comes back with its data. */
function natsRestart(): Fault {
  let server: EmbeddedNats | null = null;
  let proxy: Proxy | null = null;
  return {
    ms: 5_000,
    isOfOneUser: false,
    options: {
      async natsUrl(first) {
        server = first;
        proxy = await createProxy(() => ({ host: "127.0.0.1", port: portOf(server!) }));
        return `nats://127.0.0.1:${proxy.port}`;
      },
    },
    async begin({ home }) {
      await server!.stop();
      proxy!.set("cut");
      return async () => {
        server = await startNats({ home, log: () => {}, endsWithParent: true });
        proxy!.set("flow");
      };
    },
    async close() {
      await proxy?.close();
      await server?.stop();
    },
  };
}

const portOf = ({ url }: EmbeddedNats): number => Number(new URL(url).port);

/** A partition that no host takes the turns of takes no more messages either. */
const fullPartition: Fault = {
  ms: 20_000,
  isOfOneUser: false,
  concerns: (user) => partitionOf(itemName(user)) === 0,
  async begin({ nats }) {
    const manager = await jetstreamManager(nats);
    const name = streamOf({ ...names, subjectPrefix: "", parkedStream: "" }, 0);
    const { config } = await manager.streams.info(name);
    await manager.streams.update(name, { max_bytes: 1 });
    return async () => void (await manager.streams.update(name, { max_bytes: config.max_bytes }));
  },
};

/** One user's text makes the bot misbehave, beside 200 others. */
const troubledBot = (text: string, parkedAs: string): Fault => ({
  ms: 30_000,
  users: 200,
  isOfOneUser: true,
  duringMax: 2,
  parkedAs,
  options: { botFile: fileURLToPath(new URL("troubled-bot.ts", import.meta.url)) },
  async begin({ stream }) {
    await stream.append([itemOf(firstTroubled, text)]);
    return nothing;
  },
});

const itemName = (user: number) => ({
  channel: "telegram",
  account: `account-${user % 20}`,
  chatUser: `user-${user}`,
});

export const faults = (messagesBehind: number): Readonly<Record<string, Fault>> => ({
  "dead-chats": deadChats(),
  "slow-recipient": slowRecipient(),
  behind: behind(messagesBehind),
  "read-only": readOnly,
  locked,
  "nats-restart": natsRestart(),
  "full-partition": fullPartition,
  "bot-crashes": troubledBot("crash", "BOT_CRASHED"),
  "bot-exits": troubledBot("exit", "BOT_EXITED"),
  "bot-loops": troubledBot("loop", "BOT_HUNG"),
  "bot-leaks": troubledBot("leak", "BOT_OUT_OF_MEMORY"),
  "bot-floats": troubledBot("float", "BOT_FLOATING"),
});
