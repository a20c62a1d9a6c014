import { keyedStates } from "../../commands/account-health.ts";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { createKeyRing } from "../../adapters/crypto/key-ring.ts";
import { createSealer } from "../../adapters/crypto/sealing.ts";
import { connectNats } from "../../adapters/nats/connection.ts";
import { copyRegister } from "../../adapters/nats/register-copy.ts";
import { replicasOf } from "../../adapters/nats/server.ts";
import { readStreams } from "../../adapters/nats/stream-facts.ts";
import { createAccountStore } from "../../adapters/postgres/account-store.ts";
import { createConversationRecords } from "../../adapters/postgres/conversation-records.ts";
import { type Database, openDatabase } from "../../adapters/postgres/database.ts";
import {
  isSessionIndexThere,
  readApplied,
  readInvalidIndexes,
  readKeyless,
  readLeftPending,
  readServerFacts,
  readStrayTokens,
  rebuildIndex,
} from "../../adapters/postgres/diagnosis.ts";
import { createFleetStore } from "../../adapters/postgres/fleet-store.ts";
import { migrationsFolder, readMigrations } from "../../adapters/postgres/migration-files.ts";
import { partitions } from "../../ports/conversation/partitions.ts";
import { databaseUrlOf } from "../ask.ts";
import { heldKey } from "../held-key.ts";
import { nodeAccess } from "../node-nats.ts";
import { ownerDatabaseUrl } from "../owner-database.ts";
import type { Clock } from "../../concurrency/clock.ts";
import { wait } from "../../concurrency/wait.ts";
import type { DatabaseQuestions, ServerTime } from "./database-checks.ts";
import type { NatsQuestions } from "./nats-checks.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** What a doctor looks at: each server is connected to once, by the first check that asks. */
export interface World {
  readonly database: DatabaseQuestions;
  readonly nats: NatsQuestions;
  /** The database itself, for questions of one check alone. */
  records(): Promise<Database>;
  ownsIndex(name: string): Promise<boolean>;
  rebuild(name: string): Promise<void>;
  proxies(): Promise<readonly { readonly account: string; readonly url: string }[]>;
  close(): Promise<void>;
}

/** A renewal, a login or a takeover is over by then. */
const leftMs = 3_600_000;
const strayMs = 300_000;
/** An index of a large table takes its time. */
const rebuildMsMax = 86_400_000;
const connectMsMax = 4000;

/** Makes a value when it is first asked for. */
interface Once<Value> {
  (): Promise<Value>;
  /** Ends the value, where one was made. */
  end(how: (made: Value) => Promise<void>): Promise<void>;
}

function once<Value>(make: () => Promise<Value>): Once<Value> {
  let made: Promise<Value> | null = null;
  const get = () => (made ??= make());
  return Object.assign(get, {
    end: async (how: (made: Value) => Promise<void>) =>
      made?.then(how, () => undefined) ?? Promise.resolve(),
  });
}

/** Connects to nothing yet. */
export function openWorld(env: Env, home: string): World {
  const records = once(async () =>
    openDatabase(await databaseUrlOf(env), {
      poolMax: 4,
      name: "holdfast doctor",
      statementTimeoutMs: 5000,
    }),
  );
  const connection = once(async () =>
    connectNats(await nodeAccess(env), "doctor", { timeoutMs: connectMsMax, comesBack: false }),
  );
  const known = once(() => readMigrations(migrationsFolder));
  const facts = once(async () => readServerFacts(await records()));

  return {
    records,
    database: {
      facts,
      applied: async () => readApplied(await records()),
      known,
      invalidIndexes: async () => readInvalidIndexes(await records()),
      sessionIndexHolds: async () => isSessionIndexThere(await records()),
      duplicates: async () =>
        createConversationRecords(
          await records(),
          conversationRules(conversationMachine),
        ).duplicates(),
      strayTokens: async () => readStrayTokens(await records(), strayMs),
      keyless: async () => readKeyless(await records(), keyedStates),
      leftPending: async () => readLeftPending(await records(), leftMs),
      liveHosts: async () =>
        (await createFleetStore(await records()).live()).map(({ host }) => host),
    },
    nats: {
      version: async () => (await connection()).info?.version ?? "0.0.0",
      register: async (bucket) => copyRegister(await connection(), bucket),
      streams: async () => readStreams(await connection(), streamNames),
      replicas: async () => replicasOf(await connection()),
    },
    async ownsIndex(name) {
      const texts = (await known()).flatMap(({ up }) => up.statements);
      const isNamed = new RegExp(`\\bindex\\s+(?:\\w+\\s+)*?${plain(name)}\\b`, "i");
      return texts.some((text) => isNamed.test(text));
    },
    async rebuild(name) {
      const owner = openDatabase(await ownerDatabaseUrl(env), {
        poolMax: 1,
        statementTimeoutMs: rebuildMsMax,
      });
      try {
        await rebuildIndex(owner, name);
      } finally {
        await owner.close();
      }
    },
    proxies: async () => readProxies(await records(), env, home),
    async close() {
      await Promise.all([records.end((one) => one.close()), connection.end((one) => one.close())]);
    },
  };
}

/** The index's own name, without its schema and quotes. */
const plain = (name: string): string =>
  (name.split(".").at(-1) ?? name).replaceAll('"', "").replaceAll(/\W/g, "");

const streamNames: readonly string[] = [
  ...partitions.map((partition) => `HOLDFAST_INBOUND_${partition}`),
  ...["HOLDFAST_HOSTS", "HOLDFAST_FLOORS", "HOLDFAST_FLEET"].map((bucket) => `KV_${bucket}`),
];

async function readProxies(database: Database, env: Env, home: string) {
  const key = heldKey(env, home);
  if (key === null) return [];
  const store = createAccountStore(database, createSealer(createKeyRing(key.keys)));
  const having = (await store.list()).filter(({ hasProxy }) => hasProxy);
  return Promise.all(
    having.map(async ({ name }) => ({ account: name, url: (await store.proxy(name)) ?? "" })),
  );
}

const lookAgainMs = 250;
const looksMax = 12;

/**
 * The server's time, by its own answer; an older server's by a lease that a host writes while this looks. null: none
 * is written.
 */
export async function natsTime(of: NatsQuestions, clock: Clock): Promise<ServerTime | null> {
  const before = clock.now();
  const [told] = (await of.streams()).filter(({ nowMs }) => nowMs !== null);
  if (told?.nowMs != null) return { theirs: told.nowMs, before, after: clock.now() };
  const newest = async () =>
    ((await of.register("HOLDFAST_HOSTS")) ?? []).toSorted((a, b) => b.revision - a.revision)[0];
  const first = await newest();
  for (let look = 0; look < looksMax; look += 1) {
    const since = clock.now();
    await wait(clock, lookAgainMs);
    const now = await newest();
    if (now !== undefined && now.revision !== first?.revision)
      return { theirs: now.atMs, before: since - lookAgainMs, after: clock.now() };
  }
  return null;
}

/** PostgreSQL's time, read anew. */
export async function postgresTime(
  records: () => Promise<Database>,
  clock: Clock,
): Promise<ServerTime> {
  const database = await records();
  const before = clock.now();
  const { nowMs } = await readServerFacts(database);
  return { theirs: nowMs, before, after: clock.now() };
}

/** The environment of one who asks nodes: on a host, `HOLDFAST_NATS_CREDS` are the gate's. */
export const askingEnv = (env: Env): Env => {
  const operators = env["HOLDFAST_NATS_OPERATOR_CREDS"];
  return operators ? { ...env, HOLDFAST_NATS_CREDS: operators } : env;
};

/** Files of credentials that the environment names, and those of the home. */
export function credentialFiles(env: Env, home: string): readonly string[] {
  const named = ["HOLDFAST_NATS_CREDS", "HOLDFAST_NATS_NODE_CREDS", "HOLDFAST_NATS_OPERATOR_CREDS"];
  const folder = join(home, "nats");
  const own = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(".creds"))
        .map((name) => join(folder, name))
    : [];
  return [
    ...new Set([...named.flatMap((name) => env[name] || []).map((file) => resolve(file)), ...own]),
  ];
}
