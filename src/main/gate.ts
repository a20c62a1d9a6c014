import "../node/v8-flags.ts";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { createSystemClock } from "../concurrency/system-clock.ts";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectNats } from "../adapters/nats/connection.ts";
import { openDatabase } from "../adapters/postgres/database.ts";
import { type Config, readConfig } from "../config/config.ts";
import { orAborted } from "../concurrency/or-aborted.ts";
import { errorLine, HoldfastError } from "../errors.ts";
import { programFile } from "../files.ts";
import { serveGate } from "../gate/gate-server.ts";
import { createFleetBus } from "../adapters/nats/fleet-bus.ts";
import { openSharedRegister } from "../adapters/nats/shared-register.ts";
import { createGateSide, type GateSide, type GateSideOptions } from "../custody/gate-side.ts";
import { type HostIdentity, hostIdentity } from "../adapters/machine/host-identity.ts";
import { ownIdentity } from "../adapters/machine/process-identity.ts";
import { hostLockName, takeHostLock } from "../gate/host-lock.ts";
import { type Journal, openJournal } from "../gate/journal.ts";
import { hostKey, type LeaseValue } from "../custody/registers.ts";
import { createSocketTable, type SocketTable } from "../gate/socket-table.ts";
import { createSupervisor, type Supervisor } from "../gate/supervisor.ts";
import { watchWakefulness } from "../gate/sleep-detector.ts";
import { recogniseFleetOf, tellFleetAgain } from "../node/fleet-identity.ts";
import { type StartStage, startInStages } from "../node/stages.ts";

/** The lease is over: its keeper may start a fresh incarnation. */
const latchedExitCode = 75;
const stopMarginMs = 2000;

function tell(message: unknown): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

function say(line: string): void {
  process.stderr.write(`holdfast gate: ${line}\n`);
}

/** Tells the keeper why, and ends. */
function fail(message: string): void {
  say(message);
  const leave = () => process.exit(1);
  if (!process.connected) leave();
  process.send?.({ type: "failed", message }, undefined, undefined, leave);
}

type SidePart = Pick<
  GateSideOptions<SocketTable>,
  "hosts" | "bus" | "flush" | "waitMs" | "onWait" | "leave"
>;

/** The gate's side of custody over its own sockets. */
function makeSide(
  { host, timings }: Config,
  incarnation: string,
  journal: Journal,
  part: SidePart,
): GateSide<SocketTable> {
  const clock = createSystemClock();
  const clocks = {
    monotonicMs: () => performance.now(),
    uptimeMs: () => uptime() * 1000,
    wallMs: () => Date.now(),
  };
  return createGateSide({
    ...part,
    host,
    incarnation,
    clock,
    clocks,
    timings,
    newNonce: randomUUID,
    openSockets: (mayAct) =>
      createSocketTable({
        mayAct,
        journal: journal.write,
        now: () => Date.now(),
        asleepSinceMs: watchWakefulness(clocks, clock),
        clock,
        restMs: timings.restMs,
        answerMs: timings.answerMs,
      }),
    onLatched: (why) => say(`${why}; everything is cut and this gate ends`),
  });
}

/** What keeps this gate's node running, and carries what it says to the gate's side. */
function makeSupervisor(
  { host, http, timings }: Config,
  side: GateSide<SocketTable>,
  gate: {
    readonly incarnation: string;
    readonly path: string;
    readonly identity: HostIdentity | null;
  },
  onFailed: (message: string) => void,
): Supervisor {
  return createSupervisor({
    modulePath: programFile("src/main/node"),
    clock: createSystemClock(),
    introduction: { ...gate, host },
    httpPort: http.port,
    hangMs: timings.hangMs,
    onHang: (pid) =>
      say(`the node (pid ${pid}) has not answered for ${timings.hangMs} ms; it is ended`),
    onGone: side.letGo,
    onServing: side.setServing,
    onLetGo(why) {
      say(`everything is cut: ${why}`);
      void side.letGo();
    },
    onEnd: side.latch,
    onReady: (url, node) => tell({ type: "ready", http: url, pids: { gate: process.pid, node } }),
    onRespawn: (pid) => tell({ type: "node", pid }),
    onFault: (error) => say(`the node: ${error.message}`),
    onFailed,
  });
}

/** Ends this gate when a signal says so, or when its parent has gone. */
function endOnSignals(stop: () => Promise<void>): void {
  const end = () =>
    stop().then(
      () => {
        if (process.connected) process.disconnect();
        process.exit(0);
      },
      (error: unknown) => fail(errorLine(error)),
    );
  process.once("SIGTERM", () => void end());
  process.once("SIGINT", () => void end());
  process.once("disconnect", () => void end());
}

/** Before a lease is written: this NATS and this database must be of one fleet. */
async function recognised(nats: NatsConnection, config: Config): Promise<string | null> {
  if (config.databaseUrl === null) return null;
  const database = openDatabase(config.databaseUrl, { poolMax: 1 });
  try {
    return await recogniseFleetOf(nats, database, config);
  } catch (error) {
    // Postgres may be away: a gate holds no key, and its node asks again before it holds one.
    if (!(error instanceof HoldfastError && error.code === "DATABASE_UNAVAILABLE")) throw error;
    say(errorLine(error));
    return null;
  } finally {
    await database.close();
  }
}

async function runGate(stage: StartStage, stop: () => Promise<void>): Promise<void> {
  endOnSignals(stop);
  const config = readConfig(process.env);
  const { home, host, timings } = config;
  const natsUrl = config.natsUrl ?? "nats://127.0.0.1:4222";
  // Long enough for another gate of this host to hand everything over and end.
  const waitMs = timings.drainMs + timings.disconnectMs + stopMarginMs;
  const onWait = () => say(`waiting for the other gate of host "${host}" to end`);
  const lockOf = { fleet: `${natsUrl}\n${config.databaseUrl ?? ""}`, host };
  await stage({
    name: "lock",
    async start(signal) {
      let unlock = () => {};
      const taken = takeHostLock({ ...lockOf, waitMs, onWait }).then((free) => (unlock = free));
      await orAborted(taken, signal);
      return () => unlock();
    },
    stop: (unlock) => unlock(),
  });
  const nats = await stage({
    name: "nats",
    start: () => connectNats(natsUrl, `gate ${host}`),
    stop: (one) => one.close(),
  });
  const fleetId = await recognised(nats, config);
  const incarnation = randomUUID();
  const journal = openJournal(join(home, "journal"), incarnation, hostKey(host), Date.now);
  const side = makeSide(config, incarnation, journal, {
    hosts: await openSharedRegister<LeaseValue>(nats, "HOLDFAST_HOSTS", {
      timeoutMs: timings.casTimeoutMs,
    }),
    bus: createFleetBus(nats, { fenceTimeoutMs: timings.casTimeoutMs }),
    flush: () => nats.flush(),
    leave() {
      const exit = () => process.exit(latchedExitCode);
      const told = fleetId === null ? Promise.resolve() : tellFleetAgain(nats, config, fleetId);
      told.then(exit, exit);
    },
    waitMs,
    onWait,
  });
  const path = join(home, "run", `gate-${process.pid}.sock`);
  mkdirSync(join(home, "run"), { recursive: true });
  const identity = hostIdentity(hostLockName(lockOf), ownIdentity());
  const supervisor = makeSupervisor(config, side, { incarnation, path, identity }, (message) => {
    const leave = () => fail(message);
    stop().then(leave, leave);
  });
  const { sockets } = side;
  const figures = () => ({ ...sockets.figures, ...side.figures });
  await stage({
    name: "server",
    start: () => serveGate(path, supervisor.secret, sockets, figures, journal),
    stop: (server) => server.close(),
  });
  const { start, allowCalls, kill } = supervisor;
  const node = { start, allowCalls, kill, stop: () => supervisor.stop(waitMs) };
  await stage({
    name: "lease",
    start: (signal) => orAborted(side.hold(node), signal),
    stop: side.release,
  });
}

await startInStages(runGate).started.catch((error: unknown) => fail(errorLine(error)));
