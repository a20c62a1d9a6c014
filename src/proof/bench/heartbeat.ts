import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tokenMachine, tokenRules } from "../../../machines/token.ts";
import { connectNats } from "../../adapters/nats/connection.ts";
import { createFleetBus } from "../../adapters/nats/fleet-bus.ts";
import { openSharedRegister } from "../../adapters/nats/shared-register.ts";
import { createIncarnationKey, createSignatures } from "../../adapters/crypto/incarnation-key.ts";
import { createKeyRing } from "../../adapters/crypto/key-ring.ts";
import { createSealer } from "../../adapters/crypto/sealing.ts";
import { createAccountStore } from "../../adapters/postgres/account-store.ts";
import { createIncarnationStore } from "../../adapters/postgres/incarnation-store.ts";
import { openDatabase } from "../../adapters/postgres/database.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { createTokenStore } from "../../adapters/postgres/token-store.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import { createFleetPart } from "../../custody/node-side.ts";
import { createHostLease } from "../../custody/host-lease.ts";
import { createLeaseDeadline } from "../../custody/lease-deadline.ts";
import type { EraValue, FloorValue, LeaseValue } from "../../custody/registers.ts";
import { createAccountRoll } from "../../accounts/known-accounts.ts";
import { startNats } from "../../embedded/nats.ts";
import { startPostgres } from "../../embedded/postgres.ts";
import type { Gate } from "../../ports/custody/gate.ts";
import { type Figure, figure } from "./figures.ts";

const timings = {
  heartbeatMs: 250,
  retryMs: 125,
  suspectMs: 2_500,
  takeMs: 7_500,
  tenureMs: 5_000,
};
const holdMs = 5_000;
/**
 * Long enough that the rare look at every account, each 15 s with these times, counts equally in
 * each measurement.
 */
const measureMs = 30_000;
const timeoutMs = 1_000;
/**
 * The two sizes alternate, so that other load of the machine meets both. Load only adds, so the
 * minimum of each counts.
 */
const rounds = 3;
/**
 * The rest until V8 has cleared the leftovers of the start. It reduces its memory twice. With
 * 10,000 accounts the second time, 17 s after the start, takes 26 ms, as much as eight beats.
 */
const restMs = 25_000;
/** Compiling at the first run is not part of liveness. */
const warmUpMs = 5_000;
const fewAccounts = 100;
const manyAccounts = 10_000;

/** Processor time of a host's own liveness, with many accounts against few. */
export async function measureHeartbeat(): Promise<readonly Figure[]> {
  const few: number[] = [];
  const many: number[] = [];
  await cpuPerBeat(manyAccounts, warmUpMs);
  for (let round = 1; round <= rounds; round += 1) {
    few.push(await cpuPerBeat(fewAccounts, measureMs));
    many.push(await cpuPerBeat(manyAccounts, measureMs));
  }
  const [ofMany, ofFew] = [Math.min(...many), Math.min(...few)];
  return [figure("heartbeat-cpu-10000-accounts-ratio", ofMany, "µs per beat", ofFew)];
}

const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function cpuPerBeat(accounts: number, forMs: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  const parts = { home: folder, log: () => {}, endsWithParent: true };
  const postgres = await startPostgres({ ...parts, settings: { fsync: "off" } });
  const natsServer = await startNats({ ...parts, syncAlways: false });
  await migrate(postgres.url);
  const database = openDatabase(postgres.url);
  const nats = await connectNats(natsServer.access("node"), "bench");
  const clock = createSystemClock();
  const host = "bench";
  const signer = createIncarnationKey();
  const { incarnation } = signer;
  const rules = tokenRules(tokenMachine);
  const incarnations = createIncarnationStore(database, rules);
  const tokens = createTokenStore(database, rules);
  const registers = {
    hosts: await openSharedRegister<LeaseValue>(nats, "HOLDFAST_HOSTS", { timeoutMs }),
    floors: await openSharedRegister<FloorValue>(nats, "HOLDFAST_FLOORS", { timeoutMs }),
    fleet: await openSharedRegister<EraValue>(nats, "HOLDFAST_FLEET", { timeoutMs }),
  };
  const ms = () => performance.now();
  const lease = createHostLease({
    hosts: registers.hosts,
    host,
    signer,
    clock,
    timings: { ...timings, holdMs, answerMs: 2000 },
    deadline: createLeaseDeadline({ monotonicMs: ms, uptimeMs: ms, wallMs: ms }, holdMs),
    newNonce: randomUUID,
    waitMs: 0,
    onWait: () => {},
    onLatched: () => {},
  });
  const gate: Gate = {
    incarnation,
    host,
    dial: () => Promise.reject(new Error("nothing is dialled here")),
    cut: async () => ({ sockets: 0, tookMs: 0 }),
    sockets: async () => 0,
  };
  await incarnations.register({ id: incarnation, host, proof: {} });
  await database.query(
    `insert into accounts (name, kind, serving_slot, credentials)
     select 'account-' || n, 'bot', 1, '' from generate_series(1, $1::int) n`,
    [accounts],
  );
  await database.query(
    `insert into authorisations (account, slot, state)
     select name, 1, 'SERVING' from accounts`,
  );
  await database.query(
    `insert into tokens (account, slot, epoch, state, incarnation)
     select name, 1, 1, 'connected', $1 from accounts`,
    [incarnation],
  );
  const part = createFleetPart({
    ...registers,
    bus: createFleetBus(nats, { fenceTimeoutMs: timeoutMs }),
    signatures: createSignatures(),
    incarnations,
    tokens,
    gate,
    clock,
    timings,
    newNonce: randomUUID,
    onEnd: () => {},
    onAway: () => {},
    onRestored: () => {},
    onTakeover: () => {},
    onUnproven: () => {},
    onFault: () => {},
  });
  const roll = createAccountRoll({
    accounts: createAccountStore(database, createSealer(createKeyRing([randomBytes(32)]))),
    onChanged: () => {},
  });
  const custodian = part.makeCustodian({
    async names() {
      await roll.look();
      return roll.names;
    },
    begin: async () => {},
    end: async () => {},
    mayMove: () => true,
  });
  await lease.acquire();
  await part.start();
  part.startBeats();
  lease.setServing(true);
  await part.untilServing();
  await custodian.start();
  await rest(Math.min(restMs, forMs));
  const beatsBefore = lease.renewals;
  const before = process.cpuUsage();
  await rest(forMs);
  const { user, system } = process.cpuUsage(before);
  const beats = lease.renewals - beatsBefore;
  part.stop();
  await lease.release();
  await nats.close();
  await database.close();
  await natsServer.stop();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
  return (user + system) / beats;
}
