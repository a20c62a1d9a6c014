import { createGateSide, type GateSide } from "../../custody/gate-side.ts";
import type { Signer } from "../../ports/custody/signatures.ts";
import type { SimProcess } from "./kernel.ts";
import type { SimFleet, SimLinks } from "./sim-fleet.ts";
import { createSimGate, type SimGate } from "./sim-gate.ts";
import { createSimNode, type SimNode } from "./sim-node.ts";

/** One machine: a gate, its node, and a keeper that starts both again. */
export interface SimHost {
  readonly name: string;
  readonly links: SimLinks;
  readonly gate: SimProcess | null;
  readonly node: SimProcess | null;
  /** The key of its gate's incarnation. */
  readonly signer: Signer | null;
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
  /** An operator takes an account away from its holder, through this host. */
  force(account: string): void;
}

/** One run of a gate's process. */
interface GateLife {
  readonly process: SimProcess;
  readonly signer: Signer;
  readonly side: GateSide<SimGate>;
  readonly node: SimNode;
}

interface Machine {
  readonly name: string;
  readonly links: SimLinks;
  readonly words: Map<string, string>;
}

const keeperMs = 1500;
const leaseWaitMs = 12_000;

export function createSimHost(
  fleet: SimFleet,
  name: string,
  links: SimLinks,
  rate: number,
): SimHost {
  const { kernel } = fleet;
  /** On its disk: the last words of its gates, by incarnation. */
  const words = new Map<string, string>();
  let life: GateLife | null = null;
  let isUp = false;
  let leaving = false;

  function start(): void {
    isUp = true;
    leaving = false;
    fleet.count("incarnations");
    const process = kernel.spawn(`${name}:gate`, rate);
    const signer = fleet.signatures.signerOf(fleet.newId(name));
    const side = putTogether(fleet, { name, links, words }, process, signer, () => end(process));
    const node = createSimNode({ fleet, links, words, name, rate, gate: process, side });
    life = { process, signer, side, node };
    side.hold(node).catch(() => end(process));
  }

  async function leave({ process, side }: GateLife): Promise<void> {
    leaving = true;
    await side.release();
    process.kill();
    isUp = false;
  }

  /** The gate's process ends, for any reason; its keeper starts another. */
  function end(process: SimProcess): void {
    if (process.state === "dead") return;
    process.kill();
    if (life?.process !== process) return;
    life.node.process?.kill();
    if (leaving) isUp = false;
    else if (isUp) kernel.at(keeperMs, () => isUp && life?.process === process && start());
  }

  return {
    name,
    links,
    get gate() {
      return life?.process ?? null;
    },
    get node() {
      return life?.node.process ?? null;
    },
    get signer() {
      return life?.signer ?? null;
    },
    get isUp() {
      return isUp;
    },
    get isLeaving() {
      return isUp && leaving;
    },
    start,
    leave: () => void (life !== null && leave(life)),
    force: (account) => life?.node.force(account),
    killNode: () => life?.node.process?.kill(),
    killGate() {
      if (life === null) return;
      life.side.sockets.died();
      end(life.process);
    },
    powerOff() {
      if (life === null) return;
      life.side.sockets.powerLost();
      end(life.process);
    },
  };
}

/** A gate's side of custody as production puts it together, over simulated ports. */
function putTogether(
  fleet: SimFleet,
  { name, links, words }: Machine,
  process: SimProcess,
  signer: Signer,
  leave: () => void,
): GateSide<SimGate> {
  const { kernel, timings, telegram } = fleet;
  const from = { from: process, link: links.nats };
  return createGateSide({
    host: name,
    signer,
    hosts: fleet.hosts.view(from),
    bus: fleet.bus.view(from),
    clock: process.clock,
    clocks: process.clocks,
    timings,
    waitMs: leaseWaitMs,
    newNonce: () => fleet.newId("nonce"),
    keepWord: (signature) => void words.set(signer.incarnation, signature),
    onWait: () => {},
    openSockets: (mayAct) =>
      createSimGate({
        kernel,
        process,
        telegram,
        link: links.telegram,
        incarnation: signer.incarnation,
        host: name,
        mayAct,
        restMs: timings.restMs,
        answerMs: timings.answerMs,
      }),
    onLatched: () => fleet.count("latches"),
    flush: async () => {},
    leave,
  });
}
