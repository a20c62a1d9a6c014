import { forceToken } from "../../custody/force.ts";
import { provesEnd } from "../../custody/signed-statements.ts";
import { createFleetPart } from "../../custody/node-side.ts";
import type { GateSide, KeptNode } from "../../custody/gate-side.ts";
import { createHost } from "../../accounts/host.ts";
import type { Gate } from "../../ports/custody/gate.ts";
import { judgeServing } from "./judge-serving.ts";
import type { SimProcess } from "./kernel.ts";
import { simAccounts } from "./sim-accounts.ts";
import type { SimFleet, SimLinks } from "./sim-fleet.ts";
import type { SimGate } from "./sim-gate.ts";
import { createSimWorker } from "./sim-worker.ts";

export interface SimNodeOptions {
  readonly fleet: SimFleet;
  readonly links: SimLinks;
  /** The last words of this machine's gates, by incarnation. */
  readonly words: ReadonlyMap<string, string>;
  /** The host's. */
  readonly name: string;
  /** How fast its clocks run. */
  readonly rate: number;
  readonly gate: SimProcess;
  readonly side: GateSide<SimGate>;
}

/** A gate's node under the gate's supervisor: started again when it ends, ended when it hangs. */
export interface SimNode extends KeptNode {
  /** The one that runs, or ran last. */
  readonly process: SimProcess | null;
  /** An operator takes an account away from its holder, through this node. */
  force(account: string): void;
}

/** One process of a node. */
interface Life {
  readonly process: SimProcess;
  allowCalls(allowed: boolean): void;
  stop(): void;
  force(account: string): void;
}

const respawnMs = 700;
const hangLookMs = 1000;
const noticeMs = 10;
const localMs = 0.1;
/** An account's drain and its disconnection, and a margin. */
const stopMsMax = 8000;

export function createSimNode(options: SimNodeOptions): SimNode {
  const { gate, side } = options;
  let life: Life | null = null;
  let stopping = false;
  /** Resolves once the node has ended and its connections are cut. */
  let gone: Promise<void> = Promise.resolve();

  function spawn(): void {
    if (stopping) return;
    const begun = begin(options);
    life = begun;
    const cancelHang = watchForHang(gate, begun.process);
    gone = new Promise((resolve) => {
      begun.process.onKilled(() => {
        cancelHang();
        // The gate sees its child end, as soon as it runs.
        gate.deliver(noticeMs, () => {
          void side.letGo().then(() => {
            resolve();
            gate.clock.schedule(respawnMs, spawn);
          });
        });
      });
    });
  }

  return {
    get process() {
      return life?.process ?? null;
    },
    start: spawn,
    allowCalls: (allowed) => life?.allowCalls(allowed),
    async stop() {
      stopping = true;
      const last = life;
      if (last === null) return;
      const cancel = gate.clock.schedule(stopMsMax, () => last.process.kill());
      last.stop();
      await gone;
      cancel();
    },
    kill() {
      stopping = true;
      life?.process.kill();
    },
    force: (account) => life?.force(account),
  };
}

/** A node as production puts it together, over simulated ports. */
function begin({ fleet, links, words, name, rate, gate, side }: SimNodeOptions): Life {
  const { kernel, timings, bus } = fleet;
  const process = kernel.spawn(`${name}:node`, rate);
  const tellGate = (task: () => void) => gate.deliver(localMs, task);
  const view = fleet.store.view({ from: process, link: links.postgres });
  const from = { from: process, link: links.nats };
  const gateView = side.sockets.view(process);
  const asGate = gateView as unknown as Gate;
  let callsAllowed = true;
  const part = createFleetPart({
    hosts: fleet.hosts.view(from),
    floors: fleet.floors.view(from),
    fleet: fleet.fleet.view(from),
    bus: bus.view(from),
    signatures: fleet.signatures,
    incarnations: view,
    tokens: view,
    gate: asGate,
    clock: process.clock,
    timings,
    newNonce: () => fleet.newId("nonce"),
    onEnd: (why) => tellGate(() => side.latch(why)),
    onAway(away) {
      if (away) tellGate(() => void side.letGo());
      else process.kill();
    },
    onRestored: () => fleet.count("repairs"),
    onTakeover: () => fleet.count("takeovers"),
    onUnproven: () => fleet.count("unproven"),
    onFault: () => {},
  });
  const host = createHost({
    accounts: simAccounts(fleet.accounts),
    tokens: view,
    incarnations: view,
    gate: asGate,
    takeover: part.takeover,
    promise: { holdMs: timings.holdMs, answerMs: timings.answerMs },
    proof: {},
    proveSilence: async (of) => {
      const before = { incarnation: of.id, host: of.host };
      return provesEnd(fleet.signatures, before, words.get(of.id));
    },
    onWait: () => {},
    makeAccount: (record) =>
      createSimWorker({
        kernel,
        process,
        ref: { account: record.name, slot: 1 },
        claims: part.claims,
        gate: gateView,
        store: view,
        mayCall: () => callsAllowed,
      }),
    makeCustodian: part.makeCustodian,
  });
  const stopping = new AbortController();
  let isUp = false;
  const start = async () => {
    await part.start();
    await host.bringUp({
      part,
      tellServing() {
        tellGate(() => side.setServing(true));
        judgeServing({
          fleet,
          links,
          gate,
          node: process,
          host: name,
          incarnation: gateView.incarnation,
          isDone: () => isUp || stopping.signal.aborted,
        });
      },
      onBegun: () => () => fleet.count("handovers"),
      signal: stopping.signal,
    });
    isUp = true;
  };
  // A node that cannot start ends, and the gate starts another.
  start().catch(() => process.kill());
  return {
    process,
    allowCalls: (allowed) =>
      process.deliver(localMs, () => {
        callsAllowed = allowed;
      }),
    stop: () =>
      process.deliver(localMs, () => {
        stopping.abort();
        const end = () => process.kill();
        host.stop().then(end, end);
      }),
    force: (account) =>
      process.deliver(1, () => {
        forceToken({ ...part, incarnations: view, tokens: view }, account, 1).catch(
          () => undefined,
        );
      }),
  };
}

/** The gate asks its node for a sign of life; one that gives none is killed. */
function watchForHang(gate: SimProcess, node: SimProcess): () => void {
  let answered = true;
  let cancel = () => {};
  const look = () => {
    if (node.state === "dead") return;
    if (!answered) return node.kill();
    answered = false;
    node.deliver(localMs, () =>
      gate.deliver(localMs, () => {
        answered = true;
      }),
    );
    cancel = gate.clock.schedule(hangLookMs, look);
  };
  cancel = gate.clock.schedule(hangLookMs, look);
  return () => cancel();
}
