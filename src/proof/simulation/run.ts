import { tokenMachine, tokenRules } from "../../../machines/token.ts";
import { createLink, type Link } from "./link.ts";
import { createKernel } from "./kernel.ts";
import { type Fault, faultsUntilMs, makeFaults } from "./faults.ts";
import { createRandom } from "./random.ts";
import { createSimBus } from "./sim-bus.ts";
import { type SimCount, type SimFleet, simTimings } from "./sim-fleet.ts";
import { createSimHost, type SimHost } from "./sim-host.ts";
import { createSimRegister } from "./sim-register.ts";
import { beginLying } from "./sim-liar.ts";
import { createSimSignatures } from "./sim-signatures.ts";
import { createSimStore, type StoreCopy } from "./sim-store.ts";
import { createSimTelegram, type Violation } from "./sim-telegram.ts";

/** After the last fault, every account must be served within this, in milliseconds. */
const recoveryMs = 150_000;
/** An account counts as served when its last answer is younger, in milliseconds. */
const servedMs = 4_000;
/** Clocks run faster or slower by at most this share; the configuration allows for it. */
const driftMax = 0.02;
/** A host that still hands over at its time to rejoin is looked at again after this. */
const rejoinMs = 1000;
const postgresTimeoutMs = 3_000;

export interface RunResult {
  readonly seed: number;
  readonly violation: (Violation & { readonly atMs: number; readonly step: number }) | null;
  readonly faults: readonly Fault[];
  readonly steps: number;
  readonly answered: number;
  /** Faults that struck while calls were in flight. */
  readonly underLoad: number;
  readonly counts: Readonly<Record<SimCount, number>>;
  /** The time from the last fault until everything was served again. */
  readonly recoveredMs: number | null;
}

export interface RunOptions {
  readonly seed: number;
  /** Replaces the seed's own faults. */
  readonly faults?: readonly Fault[];
  readonly trace?: (line: string) => void;
}

/**
 * Runs one fleet from its start through its faults until it serves again. The same seed and faults
 * give the same run.
 */
export async function runSimulation(options: RunOptions): Promise<RunResult> {
  const { seed, trace = () => {} } = options;
  const plan = createRandom(seed);
  const hostCount = plan.whole(2, 3);
  const accounts = Array.from({ length: plan.whole(2, 3) }, (_, index) => `account-${index + 1}`);
  const faults = options.faults ?? makeFaults(plan.fork(), hostCount);
  const kernel = createKernel(createRandom(seed ^ 0x5eed));
  const counts: Record<SimCount, number> = {
    takeovers: 0,
    handovers: 0,
    repairs: 0,
    restores: 0,
    latches: 0,
    unproven: 0,
    incarnations: 0,
  };
  let violation: RunResult["violation"] = null;
  let lastId = 0;
  let underLoad = 0;

  /** Incarnations whose own gate lied: what they hold is theirs to lose. */
  const liars = new Set<string>();
  const onViolation = (found: Violation) => {
    if (found.by?.some((incarnation) => liars.has(incarnation)) === true) return;
    violation ??= { ...found, atMs: kernel.nowMs, step: kernel.steps };
  };
  /** The highest epoch among accepted writes, by account. */
  const highest = new Map<string, number>();
  const store = createSimStore(
    kernel,
    postgresTimeoutMs,
    tokenRules(tokenMachine),
    ({ account, epoch }) => {
      const known = highest.get(account) ?? 0;
      if (epoch < known && counts.restores === 0) {
        onViolation({
          invariant: "I6",
          message: `${account}: a write under epoch ${epoch} was accepted after epoch ${known} had written`,
        });
      }
      highest.set(account, Math.max(known, epoch));
    },
  );
  const restoreFound = (how: string) => {
    if (counts.restores > 0) return;
    onViolation({
      invariant: "restore",
      message: `${how}, although Postgres was never restored from an older copy`,
    });
  };
  const fleet: SimFleet = {
    kernel,
    timings: simTimings,
    hosts: createSimRegister(kernel, simTimings.casTimeoutMs),
    floors: createSimRegister(kernel, simTimings.casTimeoutMs),
    fleet: createSimRegister(kernel, simTimings.casTimeoutMs, () =>
      restoreFound("a restore was counted"),
    ),
    bus: createSimBus(kernel, simTimings.casTimeoutMs),
    signatures: createSimSignatures(),
    store,
    telegram: createSimTelegram(kernel, onViolation),
    accounts,
    newId(prefix) {
      lastId += 1;
      return `${prefix}-${lastId}`;
    },
    count(what) {
      counts[what] += 1;
      if (what === "repairs") restoreFound("a token was repaired");
    },
    broke: onViolation,
  };
  for (const account of accounts) store.addToken({ account, slot: 1 });

  const rate = () => 1 + (kernel.random.next() * 2 - 1) * driftMax;
  const makeHost = (name: string): SimHost =>
    createSimHost(
      fleet,
      name,
      { nats: createLink(), postgres: createLink(), telegram: createLink() },
      rate(),
    );
  const hosts = Array.from({ length: hostCount }, (_, index) => makeHost(`h${index + 1}`));
  const everyone = [...hosts];
  for (const host of hosts) kernel.at(kernel.random.next() * 2000, host.start);

  const heal = () => {
    fleet.hosts.healed();
    fleet.floors.healed();
    fleet.fleet.healed();
  };
  for (const fault of faults) schedule(fault);

  function schedule(fault: Fault): void {
    const { kind } = fault;
    if (kind === "postgres-restore") {
      const copyAtMs = Math.max(0, fault.atMs - 1000 - fault.how * 30_000);
      let copy: StoreCopy | null = null;
      kernel.at(copyAtMs, () => {
        copy = store.copy();
      });
      kernel.at(fault.atMs, () => {
        begun(fault);
        counts.restores += 1;
        if (copy !== null) store.restore(copy);
      });
      return;
    }
    kernel.at(fault.atMs, () => {
      begun(fault);
      const undo = inflict({ ...fault, kind });
      kernel.at(fault.lastsMs, () => {
        trace(`${at()} ends ${fault.kind} h${fault.host + 1}`);
        undo();
        heal();
      });
    });
  }

  const at = () => `${(kernel.nowMs / 1000).toFixed(3).padStart(8)} s`;

  function begun(fault: Fault): void {
    trace(`${at()} ${fault.kind} h${fault.host + 1} for ${(fault.lastsMs / 1000).toFixed(1)} s`);
    if (fleet.telegram.connections.some(({ inFlight }) => inFlight > 0)) underLoad += 1;
  }

  function inflict(
    fault: Fault & { readonly kind: Exclude<Fault["kind"], "postgres-restore"> },
  ): () => void {
    const host = hosts[fault.host]!;
    const { how } = fault;
    const order = how < 0.5 ? "timers-first" : "messages-first";
    const pause = (which: readonly ("gate" | "node")[], suspended: boolean) => {
      const paused = which.flatMap((part) => host[part] ?? []);
      for (const process of paused) process.pause(suspended);
      return () => {
        for (const process of paused) process.resume(order);
      };
    };
    const cut = (link: Link) => {
      if (how < 0.7) link.requests = "lost";
      if (how > 0.3) link.replies = "lost";
      return () => {
        link.requests = "flow";
        link.replies = "flow";
      };
    };
    const slow = (link: Link, mostMs: number) => {
      link.slowMs = mostMs * how;
      return () => {
        link.slowMs = 0;
      };
    };
    const nothing = () => {};
    switch (fault.kind) {
      case "kill-node":
        host.killNode();
        return nothing;
      case "kill-gate":
        host.killGate();
        return nothing;
      case "power-off":
        host.powerOff();
        return nothing;
      case "pause-node":
        return pause(["node"], false);
      case "pause-gate":
        return pause(["gate"], false);
      case "pause-host":
        return pause(["gate", "node"], false);
      case "suspend-host":
        return pause(["gate", "node"], true);
      case "cut-nats":
        return cut(host.links.nats);
      case "cut-postgres":
        return cut(host.links.postgres);
      case "cut-telegram":
        return cut(host.links.telegram);
      case "slow-nats":
        return slow(host.links.nats, 3000);
      case "slow-postgres":
        return slow(host.links.postgres, 6000);
      case "slow-telegram":
        return slow(host.links.telegram, 400);
      case "stale-nats": {
        host.links.nats.staleMs = 15_000 * how;
        return () => {
          host.links.nats.staleMs = 0;
        };
      }
      case "double-nats": {
        host.links.nats.doubled = how;
        return () => {
          host.links.nats.doubled = 0;
        };
      }
      case "clock-jump":
        host.gate?.jump((how - 0.5) * 120_000);
        host.node?.jump((how - 0.5) * 120_000);
        return nothing;
      case "force": {
        const account = accounts[Math.floor(how * accounts.length)]!;
        for (const one of hosts) one.force(account);
        return nothing;
      }
      case "leave":
        host.leave();
        return function rejoin() {
          if (host.isLeaving) kernel.at(rejoinMs, rejoin);
          else if (!host.isUp) host.start();
        };
      case "clone": {
        const twin = makeHost(host.name);
        everyone.push(twin);
        twin.start();
        return () => twin.leave();
      }
      case "nats-down": {
        const undo = hosts.map((one) => cut(one.links.nats));
        return () => {
          for (const one of undo) one();
        };
      }
      case "lie": {
        const { name, links, gate, signer } = host;
        if (gate === null || signer === null) return nothing;
        liars.add(signer.incarnation);
        return beginLying(fleet, { name, links, gate, signer }, how);
      }
      case "lose-news": {
        fleet.bus.lost = how;
        return () => {
          fleet.bus.lost = 0;
        };
      }
      case "kv-rollback": {
        const toMs = how > 0.85 ? -1 : kernel.nowMs - 500 - how * 20_000;
        fleet.hosts.rollBack(toMs);
        fleet.floors.rollBack(toMs);
        fleet.fleet.rollBack(toMs);
        return nothing;
      }
    }
  }

  const isServed = (account: string): boolean =>
    fleet.telegram.connections.some(
      (one) =>
        one.account === account &&
        one.answeredMs !== null &&
        kernel.nowMs - one.answeredMs < servedMs &&
        !one.closed,
    );

  const stopsAt = () => violation !== null;
  await kernel.run(faultsUntilMs, stopsAt);
  // Effects of the faults must be over by then; a little longer, so that a late overlap shows.
  const restMs = 8000;
  let recoveredMs: number | null = null;
  let servedSinceMs: number | null = null;
  while (violation === null && kernel.nowMs < faultsUntilMs + recoveryMs) {
    await kernel.run(kernel.nowMs + 500, stopsAt);
    if (!accounts.every(isServed)) servedSinceMs = null;
    else servedSinceMs ??= kernel.nowMs;
    if (servedSinceMs !== null && kernel.nowMs - servedSinceMs >= restMs) {
      recoveredMs = servedSinceMs - faultsUntilMs;
      break;
    }
  }
  if (violation === null && recoveredMs === null) {
    const missing = accounts.filter((account) => !isServed(account));
    for (const account of accounts) {
      trace(`${at()} ${JSON.stringify(store.token({ account, slot: 1 }))}`);
    }
    for (const { key, value } of fleet.hosts.present()) {
      trace(`${at()} ${key}: ${JSON.stringify(value)}`);
    }
    for (const { name, gate, node } of everyone) {
      trace(`${at()} ${name}: gate ${gate?.state ?? "none"}, node ${node?.state ?? "none"}`);
    }
    onViolation({
      invariant: "liveness",
      message: `not served ${recoveryMs / 1000} s after the last fault: ${missing.join(", ") || "now and then"}`,
    });
  }
  return {
    seed,
    violation,
    faults,
    steps: kernel.steps,
    answered: fleet.telegram.answered,
    underLoad,
    counts,
    recoveredMs,
  };
}
