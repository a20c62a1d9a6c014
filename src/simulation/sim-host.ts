import { forceToken } from "../custody/force.ts";
import { createFleetPart } from "../custody/fleet-part.ts";
import { createGateCustody, type GateCustody } from "../custody/gate-custody.ts";
import { createHostLease, type HostLease } from "../custody/host-lease.ts";
import { createLeaseDeadline } from "../custody/lease-deadline.ts";
import type { EraValue, FloorValue, LeaseValue } from "../custody/lease-value.ts";
import { createHost } from "../engine/host.ts";
import type { Gate } from "../ports/gate.ts";
import type { Kernel, SimProcess } from "./kernel.ts";
import type { Link } from "./link.ts";
import type { SimBus } from "./sim-bus.ts";
import { createSimGate, type SimGate } from "./sim-gate.ts";
import type { SimRegister } from "./sim-register.ts";
import type { SimStore } from "./sim-store.ts";
import type { SimTelegram } from "./sim-telegram.ts";
import { simAccounts } from "./sim-accounts.ts";
import { createSimWorker } from "./sim-worker.ts";

/** Milliseconds, as the configuration names them. */
export interface SimTimings {
  readonly heartbeatMs: number;
  readonly casTimeoutMs: number;
  readonly retryMs: number;
  readonly holdMs: number;
  readonly suspectMs: number;
  readonly takeMs: number;
  readonly tenureMs: number;
  readonly restMs: number;
  readonly answerMs: number;
}

/** What all hosts share. */
export interface SimFleet {
  readonly kernel: Kernel;
  readonly timings: SimTimings;
  readonly hosts: SimRegister<LeaseValue>;
  readonly floors: SimRegister<FloorValue>;
  readonly fleet: SimRegister<EraValue>;
  readonly bus: SimBus;
  readonly store: SimStore;
  readonly telegram: SimTelegram;
  readonly accounts: readonly string[];
  newId(prefix: string): string;
  count(what: SimCount): void;
}

export type SimCount =
  | "takeovers"
  | "handovers"
  | "repairs"
  | "restores"
  | "latches"
  | "incarnations";

/** Where a host's ways lead; shared by its gate and its node. */
export interface SimLinks {
  readonly nats: Link;
  readonly postgres: Link;
  readonly telegram: Link;
}

/** One machine: a gate, its node, and a keeper that starts both again. */
export interface SimHost {
  readonly name: string;
  readonly links: SimLinks;
  readonly gate: SimProcess | null;
  readonly node: SimProcess | null;
  readonly isUp: boolean;
  /** It hands over, and will end. */
  readonly isLeaving: boolean;
  start(): void;
  /** SIGTERM: hands everything over, then ends. */
  leave(): void;
  killNode(): void;
  /** The node is the gate's child and ends with it. */
  killGate(): void;
  /** The machine loses its power. */
  powerOff(): void;
  /** An operator takes an account away from whoever holds it, through this host. */
  force(account: string): void;
}

const respawnMs = 700;
const keeperMs = 1500;
const hangLookMs = 1000;
const noticeMs = 10;
/** An account's drain and its disconnection, and a margin. */
const stopMsMax = 8000;
const sayEndedMsMax = 1000;
const leaseWaitMs = 12_000;

export function createSimHost(
  fleet: SimFleet,
  name: string,
  links: SimLinks,
  rate: number,
): SimHost {
  const { kernel, timings, store, bus, telegram } = fleet;
  let gate: SimProcess | null = null;
  let node: SimProcess | null = null;
  let sockets: SimGate | null = null;
  let stopNode: (() => Promise<void>) | null = null;
  let force: (account: string) => void = () => {};
  let isUp = false;
  let leaving = false;

  function start(): void {
    isUp = true;
    leaving = false;
    fleet.count("incarnations");
    const process = kernel.spawn(`${name}:gate`, rate);
    const incarnation = fleet.newId(name);
    gate = process;
    const deadline = createLeaseDeadline(process.clocks, timings.holdMs);
    const newNonce = () => fleet.newId("nonce");
    const lease: HostLease = createHostLease({
      hosts: fleet.hosts.view({ from: process, link: links.nats }),
      host: name,
      incarnation,
      deadline,
      clock: process.clock,
      newNonce,
      timings,
      waitMs: leaseWaitMs,
      onWait: () => {},
      onLatched() {
        fleet.count("latches");
        process.clock.schedule(sayEndedMsMax, () => end(process));
        void custody.end().then(() => end(process));
      },
    });
    const table = createSimGate({
      kernel,
      process,
      telegram,
      link: links.telegram,
      incarnation,
      host: name,
      mayAct: deadline.isAlive,
      restMs: timings.restMs,
      answerMs: timings.answerMs,
    });
    sockets = table;
    const custody = createGateCustody({
      incarnation,
      host: name,
      bus: bus.view({ from: process, link: links.nats }),
      lease,
      deadline,
      clock: process.clock,
      tellAgainMs: timings.heartbeatMs,
      cut: table.cut,
      cutAll: table.cutAll,
      afterAnswer: (task) => void process.clock.schedule(50, task),
    });
    const spawn = () => {
      if (process.state !== "dead" && !leaving) startNode(process, table, lease, custody);
    };
    lease.acquire().then(spawn, () => end(process));
    stopGate = async () => {
      leaving = true;
      lease.setServing(false);
      await stopNode?.();
      node?.kill();
      await table.cutAll();
      await lease.release();
      custody.stop();
      process.kill();
      isUp = false;
    };
  }

  let stopGate = async () => {};

  /** The gate's process ends, whatever ended it; its keeper starts another. */
  function end(process: SimProcess): void {
    if (process.state === "dead") return;
    process.kill();
    node?.kill();
    if (gate === process && isUp && !leaving)
      kernel.at(keeperMs, () => isUp && gate === process && start());
  }

  function startNode(
    process: SimProcess,
    table: SimGate,
    lease: HostLease,
    custody: GateCustody,
  ): void {
    const worker = kernel.spawn(`${name}:node`, rate);
    node = worker;
    const cancelHang = watchForHang(process, worker);
    worker.onKilled(() => {
      cancelHang();
      // The gate sees its child end, as soon as it runs.
      process.deliver(noticeMs, () => {
        void custody.letGo().then(() => {
          process.clock.schedule(respawnMs, () => {
            if (process.state === "running" && !leaving) startNode(process, table, lease, custody);
          });
        });
      });
    });
    const tellGate = (task: () => void) => process.deliver(0.1, task);
    const view = store.view({ from: worker, link: links.postgres });
    const from = { from: worker, link: links.nats };
    const gateView = table.view(worker);
    const part = createFleetPart({
      hosts: fleet.hosts.view(from),
      floors: fleet.floors.view(from),
      fleet: fleet.fleet.view(from),
      bus: bus.view(from),
      incarnations: view,
      tokens: view,
      gate: gateView as unknown as Gate,
      clock: worker.clock,
      timings,
      newNonce: () => fleet.newId("nonce"),
      onEnd: (why) => tellGate(() => lease.latch(why)),
      onAway(away) {
        if (away) tellGate(() => void custody.letGo());
        else worker.kill();
      },
      onRestored: () => fleet.count("repairs"),
      onTakeover: () => fleet.count("takeovers"),
      onFault: () => {},
    });
    const host = createHost({
      accounts: simAccounts(fleet.accounts),
      tokens: view,
      incarnations: view,
      gate: gateView as unknown as Gate,
      takeover: part.takeover,
      proof: {},
      proveSilence: async () => false,
      onWait: () => {},
      makeAccount: (record) =>
        createSimWorker({
          kernel,
          process: worker,
          ref: { account: record.name, slot: 1 },
          claims: part.claims,
          gate: gateView,
          store: view,
        }),
      onBegun: () => () => fleet.count("handovers"),
      makeCustodian: part.makeCustodian,
    });
    stopNode = () =>
      new Promise((resolve) => {
        if (worker.state === "dead") return resolve();
        process.clock.schedule(stopMsMax, resolve);
        worker.onKilled(resolve);
        worker.deliver(0.1, () => {
          void host
            .stop()
            .catch(() => undefined)
            .then(() => worker.kill());
        });
      });
    force = (account) =>
      worker.deliver(1, () => {
        void forceToken(
          { ...part, incarnations: view, tokens: view, bus: bus.view(from) },
          account,
          1,
        ).catch(() => undefined);
      });
    const begin = async () => {
      await part.start();
      await host.register();
      part.startBeats();
      await host.inherit();
      tellGate(() => custody.setServing(true));
      await part.untilServing();
      await host.start();
    };
    // A node that cannot start ends, and the gate starts another.
    begin().catch(() => worker.kill());
  }

  /** The gate asks its node for a sign of life; one that gives none is killed. */
  function watchForHang(process: SimProcess, worker: SimProcess): () => void {
    let answered = true;
    let cancel = () => {};
    const look = () => {
      if (worker.state === "dead") return;
      if (!answered) return worker.kill();
      answered = false;
      worker.deliver(0.1, () =>
        process.deliver(0.1, () => {
          answered = true;
        }),
      );
      cancel = process.clock.schedule(hangLookMs, look);
    };
    cancel = process.clock.schedule(hangLookMs, look);
    return () => cancel();
  }

  return {
    name,
    links,
    get gate() {
      return gate;
    },
    get node() {
      return node;
    },
    get isUp() {
      return isUp;
    },
    get isLeaving() {
      return isUp && leaving;
    },
    start,
    leave: () => void stopGate(),
    force: (account) => force(account),
    killNode: () => node?.kill(),
    killGate() {
      if (gate === null) return;
      sockets?.died();
      end(gate);
    },
    powerOff() {
      if (gate === null) return;
      sockets?.powerLost();
      end(gate);
    },
  };
}
