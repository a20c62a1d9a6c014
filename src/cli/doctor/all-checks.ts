import type { Clock } from "../../concurrency/clock.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import { countAccounts } from "../../adapters/postgres/diagnosis.ts";
import { createFleetStore } from "../../adapters/postgres/fleet-store.ts";
import { storedFingerprints } from "../../adapters/postgres/resealing.ts";
import { ownVersion } from "../../adapters/machine/version.ts";
import { readConfig } from "../../config/config.ts";
import { readRunInfo } from "../../embedded/run-info.ts";
import { askEveryNode } from "../ask.ts";
import { readLastBackup } from "../backup/last-backup.ts";
import { heldKey } from "../held-key.ts";
import type { Check } from "./check.ts";
import {
  accounts,
  clockSkew,
  connections,
  database,
  durability,
  indexes,
  pending,
  postgresVersion,
  schema,
  sessions,
  tokens,
} from "./database-checks.ts";
import { disk, freeBytesOf, logs, modes, place, runFiles } from "./home-checks.ts";
import { hosts, nodeVersion } from "./host-checks.ts";
import { leases, nats, registers, streams } from "./nats-checks.ts";
import { dataCentres, type Place, proxies, telegramPlaces } from "./reach-checks.ts";
import { backupAge, credentials, masterKey, settings } from "./secret-checks.ts";
import {
  askingEnv,
  credentialFiles,
  type Env,
  natsTime,
  postgresTime,
  type World,
} from "./world.ts";

/** Where nothing tells the fleet's own: production's. */
const suspectMsDefault = 10_000;

/** Every check of a host and its fleet, in the order in which they are told. */
export async function allChecks(
  env: Env,
  home: string,
  world: World,
  clock: Clock = createSystemClock(),
): Promise<readonly Check[]> {
  const { now } = clock;
  const { database: asked, nats: broker } = world;
  const fleet = async () => createFleetStore(await world.records());
  const times = await fleet()
    .then((store) => store.read())
    .catch(() => null);
  const suspectMs = times?.times.suspectMs ?? suspectMsDefault;
  return [
    settings(() => readConfig(env)),
    nodeVersion(process.versions.node),
    database(asked),
    postgresVersion(asked),
    nats(broker),
    hosts(() => askEveryNode("keys", {}, { env: askingEnv(env) }), ownVersion()),
    clockSkew("clock-pg", "PostgreSQL", () => postgresTime(world.records, clock)),
    clockSkew("clock-nats", "NATS", () => natsTime(broker, clock)),
    schema(asked),
    indexes(asked, world.ownsIndex, world.rebuild),
    sessions(asked),
    leases(broker, async () => (await fleet()).live(), { now, suspectMs }),
    registers(broker),
    tokens(asked),
    accounts(asked),
    pending(asked),
    streams(broker, home),
    durability(asked),
    connections(asked),
    place(home),
    modes(home),
    disk(home, freeBytesOf),
    logs(home),
    runFiles(home),
    masterKey(
      () => heldKey(env, home),
      async () => storedFingerprints(await world.records()),
    ),
    credentials(credentialFiles(env, home)),
    dataCentres(() => telegramOf(env, home)),
    proxies(world.proxies),
    backupAge(
      () => readLastBackup(home),
      async () => countAccounts(await world.records()),
      now,
    ),
  ];
}

/** The simulated Telegram of a home, the named one, or Telegram's own data centres. */
async function telegramOf(env: Env, home: string): Promise<readonly Place[]> {
  const { telegram, telegramDc } = readConfig(env);
  if (telegramDc !== null)
    return [{ name: `DC ${telegramDc.id}`, host: telegramDc.host, port: telegramDc.port }];
  if (telegram !== null) return telegramPlaces;
  const run = await readRunInfo(home);
  const [, host, port] = /^(.*):(\d+)$/.exec(run?.telegram ?? "") ?? [];
  if (host === undefined || port === undefined) return [];
  return [{ name: "the simulated Telegram", host, port: Number(port) }];
}
