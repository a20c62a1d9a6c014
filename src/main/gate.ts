import "./compile-early.ts";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createSystemClock } from "../adapters/system-clock.ts";
import { connectNats } from "../adapters/nats/connection.ts";
import { readConfig } from "../config/config.ts";
import { errorLine } from "../errors.ts";
import { serveGate } from "../gate/gate-server.ts";
import { createFleetBus } from "../adapters/nats/fleet-bus.ts";
import { openSharedRegister } from "../adapters/nats/shared-register.ts";
import { createGateCustody } from "../custody/gate-custody.ts";
import { createHostLease } from "../custody/host-lease.ts";
import { hostIdentity } from "../adapters/machine/host-identity.ts";
import { ownIdentity } from "../adapters/machine/process-identity.ts";
import { hostLockName, takeHostLock } from "../gate/host-lock.ts";
import { openJournal } from "../gate/journal.ts";
import { createLeaseDeadline } from "../custody/lease-deadline.ts";
import { hostKey, type LeaseValue } from "../custody/lease-value.ts";
import { createSocketTable } from "../gate/socket-table.ts";
import { watchSoftStop } from "../custody/soft-stop.ts";
import { createSupervisor } from "../gate/supervisor.ts";
import { watchWakefulness } from "../gate/wakefulness.ts";

/** The lease is over: whoever started this gate may start a fresh incarnation. */
const latchedExitCode = 75;
const stopMarginMs = 2000;
/** How long a gate that ends tries to say so. */
const sayEndedMsMax = 1000;
const fencedExitMs = 50;

function tell(message: unknown): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** Says why to whoever started this gate, and ends. */
function fail(message: string): void {
  process.stderr.write(`holdfast gate: ${message}\n`);
  const leave = () => process.exit(1);
  if (!process.connected) leave();
  process.send?.({ type: "failed", message }, undefined, undefined, leave);
}

async function runGate(): Promise<void> {
  const config = readConfig(process.env);
  const { home, host, timings } = config;
  const clock = createSystemClock();
  const natsUrl = config.natsUrl ?? "nats://127.0.0.1:4222";
  // Long enough for another gate of this host to hand everything over and end.
  const waitMs = timings.drainMs + timings.disconnectMs + stopMarginMs;
  const onWait = () =>
    process.stderr.write(`holdfast gate: waiting for the other gate of host "${host}" to end\n`);
  const lockOf = { fleet: `${natsUrl}\n${config.databaseUrl ?? ""}`, host };
  const unlock = await takeHostLock({ ...lockOf, waitMs, onWait });
  const nats = await connectNats(natsUrl, `gate ${host}`);
  const incarnation = randomUUID();
  const clocks = {
    monotonicMs: () => performance.now(),
    uptimeMs: () => uptime() * 1000,
    wallMs: () => Date.now(),
  };
  const deadline = createLeaseDeadline(clocks, timings.holdMs);
  const journal = openJournal(join(home, "journal"), incarnation, hostKey(host), Date.now);
  const table = createSocketTable({
    mayAct: deadline.isAlive,
    journal: journal.write,
    now: () => Date.now(),
    asleepSinceMs: watchWakefulness(clocks, clock),
    clock,
    restMs: timings.restMs,
    answerMs: timings.answerMs,
  });
  const bus = createFleetBus(nats, { fenceTimeoutMs: timings.casTimeoutMs });
  const lease = createHostLease({
    hosts: await openSharedRegister<LeaseValue>(nats, "HOLDFAST_HOSTS", {
      timeoutMs: timings.casTimeoutMs,
    }),
    newNonce: randomUUID,
    host,
    incarnation,
    deadline,
    clock,
    timings,
    waitMs,
    onWait,
    onLatched(why) {
      supervisor.kill();
      process.stderr.write(`holdfast gate: ${why}; everything is cut and this gate ends\n`);
      const leave = () => process.exit(latchedExitCode);
      setTimeout(leave, sayEndedMsMax);
      custody
        .end()
        .then(() => nats.flush())
        .then(leave, leave);
    },
  });

  const custody = createGateCustody({
    incarnation,
    host,
    bus,
    lease,
    deadline,
    clock,
    tellAgainMs: timings.heartbeatMs,
    cut: (grant) => table.cut(grant),
    cutAll: table.cutAll,
    afterAnswer: (task) => void setTimeout(task, fencedExitMs),
  });

  const path = join(home, "run", `gate-${process.pid}.sock`);
  mkdirSync(join(home, "run"), { recursive: true });
  const supervisor = createSupervisor({
    modulePath: fileURLToPath(new URL("./node.ts", import.meta.url)),
    clock,
    introduction: {
      path,
      incarnation,
      host,
      identity: hostIdentity(hostLockName(lockOf), ownIdentity()),
    },
    httpPort: config.http.port,
    hangMs: timings.hangMs,
    onHang: (pid) =>
      process.stderr.write(
        `holdfast gate: the node (pid ${pid}) has not answered for ${timings.hangMs} ms; it is ended\n`,
      ),
    onGone: custody.letGo,
    onServing: custody.setServing,
    onLetGo(why) {
      process.stderr.write(`holdfast gate: everything is cut: ${why}\n`);
      void custody.letGo();
    },
    onEnd: (why) => lease.latch(why),
    onReady: (http, node) => tell({ type: "ready", http, pids: { gate: process.pid, node } }),
    onRespawn: (pid) => tell({ type: "node", pid }),
    onFault: (error) => process.stderr.write(`holdfast gate: the node: ${error.message}\n`),
    onFailed: (message) => void end(() => fail(message)),
  });
  const server = await serveGate(
    path,
    supervisor.secret,
    table,
    () => ({
      ...table.figures,
      leaseRenewals: lease.renewals,
      leaseLeftMs: deadline.leftMs,
    }),
    journal,
  );

  let ending: Promise<void> | null = null;
  function end(then: () => void): Promise<void> {
    ending ??= (async () => {
      lease.setServing(false);
      await supervisor.stop(waitMs);
      await table.cutAll();
      await lease.release();
      await server.close();
      await nats.close();
      unlock();
      then();
    })();
    return ending;
  }
  const endQuietly = () =>
    void end(() => {
      if (process.connected) process.disconnect();
      process.exit(0);
    });
  process.once("SIGTERM", endQuietly);
  process.once("SIGINT", endQuietly);
  process.once("disconnect", endQuietly);

  try {
    await lease.acquire();
  } catch (error) {
    await end(() => fail(errorLine(error)));
    return;
  }
  watchSoftStop({
    leftMs: () => deadline.leftMs,
    timings,
    clock,
    onChange: supervisor.allowCalls,
  });
  supervisor.start();
}

await runGate().catch((error: unknown) => fail(errorLine(error)));
