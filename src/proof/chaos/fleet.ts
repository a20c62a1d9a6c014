import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { inBatches } from "../../concurrency/in-batches.ts";
import { requireNoSecret } from "../../commands/secret-fields.ts";
import { askSealKey, requestSealed } from "../../adapters/crypto/sealed-request.ts";
import { tokenMachine, tokenRules } from "../../../machines/token.ts";
import { createKeyRing } from "../../adapters/crypto/key-ring.ts";
import { createSealer } from "../../adapters/crypto/sealing.ts";
import { connectNats } from "../../adapters/nats/connection.ts";
import { createAccountStore } from "../../adapters/postgres/account-store.ts";
import { createTokenStore } from "../../adapters/postgres/token-store.ts";
import { type Database, openDatabase } from "../../adapters/postgres/database.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { runtimeRole } from "../../adapters/postgres/roles.ts";
import { type EmbeddedNats, startNats } from "../../embedded/nats.ts";
import { type EmbeddedPostgres, startPostgres } from "../../embedded/postgres.ts";
import type { AccountKind } from "../../../machines/lifecycle.ts";
import type { AccountStores } from "../../ports/accounts/account-store.ts";
import { hostsBot } from "../../ports/accounts/chosen-bot.ts";
import { driverNames } from "../../ports/telegram/telegram.ts";
import type { ServingToken } from "../../ports/custody/token-store.ts";
import type { ControlAccess } from "../../embedded/control-api.ts";
import { startTelegramDc, type TelegramDc } from "../../telegram-dc/telegram-dc.ts";
import type { OverlapPolicy } from "../../telegram-dc/world/config.ts";
import { type ChaosHost, createChaosHost } from "./chaos-host.ts";
import { type NatsCluster, startNatsCluster } from "./nats-cluster.ts";
import { playOwner } from "./owner.ts";
import { createProxy } from "./proxy.ts";

export interface ChaosAccount {
  readonly account: string;
  readonly username: string;
  readonly kind: AccountKind;
  /** A user's 2FA password; null for none. */
  readonly password: string | null;
}

/** A node refuses commands beyond a thousand at once. */
const askedAtOnce = 100;

/** The control API of the chaos's data centre, which is always served. */
export const accessOf = ({ controlUrl, controlToken }: TelegramDc): ControlAccess => ({
  url: controlUrl!,
  token: controlToken!,
});

/**
 * Real Postgres, real nats-server, the simulated data centre and several real hosts; the drivers
 * alternate.
 */
export interface ChaosFleet {
  readonly folder: string;
  readonly dc: TelegramDc;
  readonly policy: OverlapPolicy;
  /** As an operator. */
  readonly nats: NatsConnection;
  /** A further connection, as another user of the broker. */
  natsAs(user: "node"): Promise<NatsConnection>;
  readonly natsServer: EmbeddedNats;
  /** The three servers, if there are three. */
  readonly natsCluster: NatsCluster | null;
  readonly postgres: EmbeddedPostgres;
  /** Stops the server, lets `change` edit its folder, and starts it again. */
  replaceNats(change: (folder: string) => Promise<void>): Promise<void>;
  replacePostgres(change: (folder: string) => Promise<void>): Promise<void>;
  readonly database: Database;
  readonly hosts: readonly ChaosHost[];
  readonly accounts: readonly ChaosAccount[];
  /** The database as the hosts see it. */
  readonly accountStore: AccountStores;
  /** The public key of the accounts' owner, who scans the QR codes. */
  readonly sealTo: string;
  /** One more host, not started; `name` may be another's. */
  addHost(name: string): Promise<ChaosHost>;
  /** The serving tokens, as the database has them. */
  tokens(): Promise<readonly ServingToken[]>;
  holderOf(account: string): Promise<ChaosHost | null>;
  ask(subject: string, body?: unknown): Promise<Readonly<Record<string, unknown>>>;
  /** Resolves once every account is connected on a host; throws after `withinMs`. */
  untilServed(withinMs?: number): Promise<void>;
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly hosts: number;
  readonly accounts: number;
  /** Bots by default. Every fourth user has a 2FA password. */
  readonly kind?: AccountKind;
  readonly policy?: OverlapPolicy;
  /**
   * Hosts reach everything directly, and no link can be broken: the bench does not measure the
   * proxies.
   */
  readonly direct?: boolean;
  /** Three servers in place of one; the hosts reach them directly. */
  readonly natsCluster?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** The hosts answer, and have no account yet. */
  onStarted?(fleet: Pick<ChaosFleet, "hosts">): void;
  log(line: string): void;
}

const askMsMax = 1_500;
/** For what is asked once: a time-out would leave its outcome unknown. */
const addMsMax = 15_000;
const lookMs = 50;

/** By the very rule that a node refuses by. */
function holdsSecret(subject: string, body: unknown): boolean {
  try {
    requireNoSecret(subject.split(".").at(-1) ?? "", body);
    return false;
  } catch {
    return true;
  }
}

/** Polls until `found` answers something; throws when it takes longer. */
export async function eventually<Found>(
  what: string,
  find: () => Promise<Found | null | undefined | false>,
  withinMs = 60_000,
): Promise<Found> {
  const untilMs = performance.now() + withinMs;
  let why = "";
  for (;;) {
    const found = await find().catch((error: unknown) => {
      why = `: ${String(error)}`;
      return null;
    });
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > untilMs) {
      throw new Error(`${what}: not within ${withinMs / 1000} s${why}`);
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

export async function startFleet(options: FleetOptions): Promise<ChaosFleet> {
  const { log, policy = "any-two-connections", direct = false, kind = "bot" } = options;
  const folder = await mkdtemp(join(tmpdir(), "holdfast-chaos-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async () => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
      await step().catch((error: unknown) => log(String(error)));
    }
  };
  try {
    const parts = { home: folder, log: () => {}, endsWithParent: true };
    let postgres = await startPostgres(parts);
    undo.push(() => postgres.stop());
    let natsServer = await startNats({ ...parts, syncAlways: false });
    undo.push(() => natsServer.stop());
    const cluster =
      options.natsCluster === true ? await startNatsCluster(folder, natsServer.accountsFile) : null;
    if (cluster !== null) undo.push(() => cluster.stop());
    const natsTarget = () => {
      const { hostname, port } = new URL(natsServer.url);
      return { host: hostname, port: Number(port) };
    };
    const postgresTarget = () => ({
      path: join(new URL(postgres.url).searchParams.get("host") ?? "", ".s.PGSQL.5432"),
    });
    const ownNats = await createProxy(natsTarget);
    undo.push(() => ownNats.close());
    const dc = await startTelegramDc({ controlPort: 0, config: { overlapPolicy: policy } });
    undo.push(() => dc.close());
    await migrate(postgres.url);
    const database = openDatabase(postgres.url);
    undo.push(() => database.close());
    const natsAs = async (user: string) => {
      const url = cluster?.url ?? `nats://127.0.0.1:${ownNats.port}`;
      const connection = await connectNats({ ...natsServer.access(user), url }, `chaos ${user}`);
      undo.push(() => connection.close());
      return connection;
    };
    const nats = await natsAs("operator");
    const owner = playOwner(
      nats,
      dc,
      (name) => accounts.find(({ account }) => account === name) ?? null,
    );
    undo.push(async () => owner.stop());
    const tokens = createTokenStore(database, tokenRules(tokenMachine));
    const masterKey = randomBytes(32).toString("hex");
    const hosts: ChaosHost[] = [];
    const accounts: ChaosAccount[] = [];

    async function addHost(name: string): Promise<ChaosHost> {
      const host = await createChaosHost({
        name,
        folder: join(folder, `host-${hosts.length + 1}`),
        targets: {
          nats: natsTarget,
          postgres: postgresTarget,
          telegram: () => ({ host: dc.host, port: dc.port }),
        },
        environment: (ports) => ({
          ...process.env,
          HOLDFAST_HOME: join(folder, `host-${hosts.length + 1}`, name),
          HOLDFAST_HOST: name,
          HOLDFAST_LOG_LEVEL: "info",
          HOLDFAST_PROFILE: "development",
          // The load answers faster than people do.
          HOLDFAST_TALK_TURNS: "0",
          HOLDFAST_MASTER_KEY: masterKey,
          HOLDFAST_NATS_URL:
            cluster?.url ?? (direct ? natsServer.url : `nats://127.0.0.1:${ports.nats}`),
          HOLDFAST_NATS_CREDS: natsServer.credsFile("gate"),
          HOLDFAST_NATS_NODE_CREDS: natsServer.credsFile("node"),
          HOLDFAST_OPERATORS: natsServer.operatorKey,
          HOLDFAST_DATABASE_URL: direct
            ? postgres.runtimeUrl
            : `postgres://${runtimeRole}@127.0.0.1:${ports.postgres}/holdfast`,
          HOLDFAST_TELEGRAM_DC: JSON.stringify({
            id: dc.dcId,
            host: "127.0.0.1",
            port: direct ? dc.port : ports.telegram,
            publicKeyPem: dc.rsaPublicKeyPem,
          }),
          ...options.environment,
        }),
        log,
      });
      hosts.push(host);
      undo.push(() => host.close());
      return host;
    }

    /** Sealing what holds no secret would take the processor from what is measured. */
    async function ask(subject: string, body: unknown = {}, timeout = askMsMax) {
      const answered = async (): Promise<unknown> => {
        if (!holdsSecret(subject, body)) {
          const reply = await nats.request(subject, JSON.stringify(body), { timeout });
          return reply.json();
        }
        const key = await askSealKey(nats, timeout);
        return requestSealed(nats, key, { subject, body, timeoutMs: timeout });
      };
      const answer = owner.read(
        await answered().catch((error: unknown) =>
          Promise.reject(new Error(`${subject}: ${String(error)}`)),
        ),
      ) as Readonly<Record<string, unknown>>;
      if (answer["ok"] !== true) throw new Error(`${subject}: ${JSON.stringify(answer)}`);
      return answer;
    }

    const fleet: ChaosFleet = {
      folder,
      dc,
      policy,
      nats,
      natsAs,
      natsCluster: cluster,
      sealTo: owner.sealTo,
      accountStore: createAccountStore(
        database,
        createSealer(createKeyRing([Buffer.from(masterKey, "hex")])),
      ),
      get natsServer() {
        return natsServer;
      },
      get postgres() {
        return postgres;
      },
      async replaceNats(change) {
        await natsServer.stop();
        await change(join(folder, "nats"));
        natsServer = await startNats({ ...parts, syncAlways: false });
      },
      async replacePostgres(change) {
        await postgres.stop();
        await change(join(folder, "postgres"));
        postgres = await startPostgres(parts);
      },
      database,
      hosts,
      accounts,
      addHost,
      tokens: () => tokens.serving(),
      async holderOf(account) {
        const [token] = await tokens.serving({ account });
        return hosts.find(({ name, isUp }) => name === token?.host && isUp) ?? null;
      },
      ask,
      async untilServed(withinMs) {
        await eventually(
          "every account is connected",
          async () => {
            const away = await database.query<{ account: string }>(
              `select a.name as account, a.state, a.reason, t.slot, t.state as token from accounts a
               left join tokens t on t.account = a.name and t.slot = a.serving_slot
               where a.name = any($1) and t.state is distinct from 'connected'`,
              [accounts.map(({ account }) => account)],
            );
            if (away.length > 0) throw new Error(JSON.stringify(away));
            await inBatches(accounts, askedAtOnce, async ({ account }) => {
              await ask(`holdfast.account.${account}.invoke`, { method: "help.getConfig" });
            });
            return true;
          },
          withinMs,
        );
      },
      close,
    };

    for (let index = 1; index <= options.hosts; index += 1) await addHost(`h${index}`);
    await Promise.all(hosts.map((host) => host.start()));
    await eventually("the fleet answers", () => ask("holdfast.fleet.who"));
    options.onStarted?.(fleet);
    for (let index = 1; index <= options.accounts; index += 1) {
      const account = `${kind}-${index}`;
      const username = `chaos_${kind}_${index}`;
      const phone = `+3361000${String(index).padStart(4, "0")}`;
      const password = kind === "user" && index % 4 === 0 ? `2fa of ${account}` : null;
      const { botToken } = dc.phone.createUser({
        firstName: account,
        username,
        ...(kind === "bot" ? { bot: true } : { phone, password: password ?? undefined }),
      });
      const driver = driverNames[index % driverNames.length];
      accounts.push({ account, username, kind, password });
      const login = kind === "bot" ? { botToken } : { phone };
      await ask(`holdfast.account.${account}.add`, { ...login, driver }, addMsMax);
      // A person's account has no bot unless one is chosen.
      await eventually(`${account} has its bot`, () =>
        ask(`holdfast.account.${account}.bot`, { bot: hostsBot }),
      );
      await eventually(`${account} logs in`, () => ask(`holdfast.account.${account}.login`));
    }
    await fleet.untilServed();
    return fleet;
  } catch (error) {
    await close();
    throw error;
  }
}
