import "./keep-private.ts";
import "../node/v8-flags.ts";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { createIncarnationKey } from "../adapters/crypto/incarnation-key.ts";
import type { Signer } from "../ports/custody/signatures.ts";
import { createSystemClock } from "../concurrency/system-clock.ts";
import type { NatsConnection } from "@nats-io/transport-node";
import { connectNats } from "../adapters/nats/connection.ts";
import { openDatabase } from "../adapters/postgres/database.ts";
import { type Config, readConfig } from "../config/config.ts";
import { takeEnvironment } from "../config/secrets.ts";
import { orAborted } from "../concurrency/or-aborted.ts";
import { errorLine, type ErrorPolicy, HoldfastError, lastWord, policyOf } from "../errors.ts";
import { programFile } from "../files.ts";
import { serveGate } from "../gate/gate-server.ts";
import { createFleetBus } from "../adapters/nats/fleet-bus.ts";
import { openSharedRegister } from "../adapters/nats/shared-register.ts";
import { createGateSide, type GateSide, type GateSideOptions } from "../custody/gate-side.ts";
import { type HostIdentity, hostIdentity } from "../adapters/machine/host-identity.ts";
import { openSocketPath } from "../adapters/machine/socket-path.ts";
import { ownIdentity } from "../adapters/machine/process-identity.ts";
import { type HostLock, hostLockName, takeHostLock } from "../adapters/machine/host-lock.ts";
import { type Journal, openJournal } from "../gate/journal.ts";
import { keepLastWord } from "../gate/last-word.ts";
import { hostKey, type LeaseValue } from "../custody/registers.ts";
import { createSocketTable, type SocketTable } from "../gate/socket-table.ts";
import { createSupervisor, type Supervisor } from "../gate/supervisor.ts";
import { watchWakefulness } from "../gate/sleep-detector.ts";
import { recogniseFleetOf, tellFleetAgain } from "../node/fleet-identity.ts";
import { type StartStage, startInStages } from "../node/stages.ts";
import { createUnforeseen } from "./unforeseen.ts";

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
function fail(message: string, policy: ErrorPolicy = "terminal"): void {
  say(message);
  const leave = () => process.exit(1);
  if (!process.connected) leave();
  process.send?.({ type: "failed", message, policy }, undefined, undefined, leave);
}

type SidePart = Pick<
  GateSideOptions<SocketTable>,
  "hosts" | "bus" | "flush" | "waitMs" | "keepWord" | "onWait" | "leave"
>;

/** The gate's side of custody over its own sockets. */
function makeSide(
  { host, timings, webhook }: Config,
  signer: Signer,
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
    channels: webhook === null ? ["telegram"] : ["telegram", "webhook"],
    signer,
    clock,
    clocks,
    timings,
    // Of no stock in memory, which a clone of this machine would share.
    newNonce: () => randomUUID({ disableEntropyCache: true }),
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

/** The node speaks to NATS by credentials of its own, where it has some, and never sees the gate's. */
function nodeEnvironment(all: NodeJS.ProcessEnv, creds: string | null): NodeJS.ProcessEnv {
  const { HOLDFAST_NATS_NODE_CREDS: _own, HOLDFAST_NATS_CREDS: gates, ...env } = all;
  const given = creds ?? gates;
  return given === undefined ? env : { ...env, HOLDFAST_NATS_CREDS: given };
}

/** What keeps this gate's node running, and carries what it says to the gate's side. */
function makeSupervisor(
  { host, http, timings, natsCreds }: Config,
  side: GateSide<SocketTable>,
  gate: {
    readonly incarnation: string;
    readonly path: string;
    readonly identity: HostIdentity | null;
  },
  env: NodeJS.ProcessEnv,
  on: {
    failed(message: string, policy: ErrorPolicy): void;
    respawn(): void;
  },
): Supervisor {
  return createSupervisor({
    modulePath: programFile("src/main/node"),
    env: nodeEnvironment(env, natsCreds.node),
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
    onShown: (line) => tell({ type: "shown", line }),
    onReady: (url, node) => tell({ type: "ready", http: url, pids: { gate: process.pid, node } }),
    onRespawn(pid) {
      on.respawn();
      tell({ type: "node", pid });
    },
    onFault: (error) => say(`the node: ${error.message}`),
    onFailed: on.failed,
  });
}

const endedStart = {
  what: "The gate did not start",
  next: "Check that NATS and PostgreSQL answer: npx holdfast doctor",
};
const endedStop = {
  what: "The gate did not end in order",
  next: "Start again: npm start. What it held, it takes again",
};

/** Ends this gate when a signal says so, or when its parent has gone. */
function endOnSignals(stop: () => Promise<void>): void {
  const end = () =>
    stop().then(
      () => {
        if (process.connected) process.disconnect();
        process.exit(0);
      },
      (error: unknown) => fail(lastWord(error, endedStop).line),
    );
  process.once("SIGTERM", () => void end());
  process.once("SIGINT", () => void end());
  process.once("SIGHUP", () => void end());
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
  const unforeseen = { say, stop, exit: () => process.exit(1), stopMsMax: stopMarginMs };
  process.on("uncaughtException", createUnforeseen(unforeseen));
  const env = takeEnvironment(process.env);
  const config = readConfig(env);
  const { home, host, timings } = config;
  const natsUrl = config.natsUrl ?? "nats://127.0.0.1:4222";
  // Long enough for another gate of this host to hand everything over and end.
  const waitMs = timings.drainMs + timings.disconnectMs + stopMarginMs;
  const onWait = () => say(`waiting for the other gate of host "${host}" to end`);
  const onStranger = () =>
    say("the name of this gate's lock is another user's, or another container's; it stops nothing");
  const lock = hostLockName({ databaseUrl: config.databaseUrl ?? "", host });
  mkdirSync(join(home, "run"), { recursive: true, mode: 0o700 });
  const file = join(home, "run", "gate.lock");
  const held = await stage({
    name: "lock",
    async start(signal) {
      let taken: HostLock = { holdsName: false, free() {} };
      const taking = takeHostLock({ name: lock, host, file, waitMs, onWait, onStranger }).then(
        (now) => (taken = now),
      );
      await orAborted(taking, signal);
      return () => taken;
    },
    stop: (lockNow) => lockNow().free(),
  });
  const nats = await stage({
    name: "nats",
    start: () => connectNats({ ...config.natsIdentity, url: natsUrl }, `gate ${host}`),
    stop: (one) => one.close(),
  });
  const fleetId = await recognised(nats, config);
  const signer = createIncarnationKey();
  const { incarnation } = signer;
  const folder = join(home, "journal");
  const journal = openJournal(folder, signer, hostKey(host), Date.now);
  const side = makeSide(config, signer, journal, {
    hosts: await openSharedRegister<LeaseValue>(nats, "HOLDFAST_HOSTS", {
      timeoutMs: timings.casTimeoutMs,
    }),
    bus: createFleetBus(nats, { fenceTimeoutMs: timings.casTimeoutMs }),
    flush: () => nats.flush(),
    keepWord: (signature) => keepLastWord(folder, { incarnation, host }, signature),
    leave() {
      const exit = () => process.exit(latchedExitCode);
      const told = fleetId === null ? Promise.resolve() : tellFleetAgain(nats, config, fleetId);
      told.then(exit, exit);
    },
    waitMs,
    onWait,
  });
  const path = join(home, "run", `gate-${process.pid}.sock`);
  const at = openSocketPath(path);
  const identity = hostIdentity({ name: lock, holdsName: held().holdsName }, ownIdentity());
  const gate = { incarnation, path, identity };
  let nodeRestarts = 0;
  const supervisor = makeSupervisor(config, side, gate, env, {
    failed(message, policy) {
      const leave = () => fail(message, policy);
      stop().then(leave, leave);
    },
    respawn: () => void (nodeRestarts += 1),
  });
  const { sockets } = side;
  const figures = () => ({ ...sockets.figures, ...side.figures, nodeRestarts });
  await stage({
    name: "server",
    start: () => serveGate(at.path, supervisor, sockets, figures, journal),
    stop: (server) => server.close().finally(at.close),
  });
  const { start, allowCalls, kill } = supervisor;
  const node = { start, allowCalls, kill, stop: () => supervisor.stop(waitMs) };
  await stage({
    name: "lease",
    start: (signal) => orAborted(side.hold(node), signal),
    stop: side.release,
  });
}

await startInStages(runGate).started.catch((error: unknown) =>
  fail(lastWord(error, endedStart).line, policyOf(error)),
);
