import type { Account } from "../../../accounts/account.ts";
import { timingsOf } from "../../../config/timings.ts";
import type { TurnOwner } from "../../../conversation/turns/partition-owner.ts";
import type { Custodian } from "../../../custody/custodian.ts";
import { leave } from "../../../node/leaving.ts";
import type { SimProcess } from "../kernel.ts";
import { createLink } from "../link.ts";
import { createEngineNode } from "./engine-node.ts";
import type { EngineWorld } from "./engine-world.ts";

/** One host: a node that is started again when it has ended. Its gate cuts what a dead node leaves. */
export interface EngineHost {
  readonly name: string;
  readonly isUp: boolean;
  start(): void;
  /** SIGKILL of the node. */
  kill(): void;
  /** Hands everything over, ends, and joins again. Never rejects, as no stop does. */
  leave(): Promise<void>;
  /** Ends the node over the statement that comes so many after this. */
  killAfter(statements: number, how: "lost-before" | "lost-after"): void;
  find(account: string): Account | null;
}

const restartMs = 1_500;
/** A dead host's tokens are free after this, if its own successor has not freed them before. */
const takeMs = 8_000;
const suspectMs = 4_000;
/** Turns of a host that leaves may take so long, and then its gate ends it. */
const { drainMs, disconnectMs } = timingsOf.production;
const leaveMsMax = drainMs + disconnectMs;
const leaveMarginMs = 2_000;
/** By then its accounts and its partitions are with another host, or with itself again. */
const killGraceMs = 45_000;

interface Life {
  readonly process: SimProcess;
  readonly incarnation: string;
  readonly accounts: Map<string, Account>;
  readonly turns: TurnOwner;
  readonly custodian: Custodian;
  end(): void;
}

export function createEngineHost(world: EngineWorld, name: string): EngineHost {
  const { kernel } = world;
  let life: Life | null = null;
  let killIn: { left: number; readonly how: "lost-before" | "lost-after" } | null = null;
  let isLeaving = false;

  const membership = createMembership(world, name);
  const custody = world.tokens.over((execute) => Promise.resolve(execute()));
  const bus = world.bus.view({ from: kernel.spawn(`${name}:custody`, 1), link: createLink() });

  /** Never rejects, as no statement of custody's stand-in does. */
  async function free(incarnation: string): Promise<void> {
    await custody.revoke(incarnation);
    for (const grant of await custody.silence(incarnation)) bus.tell({ type: "freed", ...grant });
    world.fleet.ended(incarnation);
  }

  /** Answers whether it was this life that went on. */
  function endOf(ended: Life): boolean {
    if (life !== ended) return false;
    life = null;
    killIn = null;
    isLeaving = false;
    world.trace(`${name} ends`);
    for (const account of ended.accounts.keys()) world.coverage.moves(account);
    ended.process.kill();
    ended.end();
    world.judge.processEnded(ended.process.name);
    world.judge.troubled({ fromMs: kernel.nowMs, untilMs: kernel.nowMs + killGraceMs });
    world.messenger.breakWires((wire) => wire.incarnation === ended.incarnation, true);
    return true;
  }

  /** The gate cuts at once; the fleet hears of it by silence. */
  function kill(): void {
    const ended = life;
    if (ended === null || !endOf(ended)) return;
    kernel.at(suspectMs, () => membership.end(ended.incarnation));
    kernel.at(takeMs, () => void free(ended.incarnation));
    kernel.at(restartMs, () => {
      // Its successor on this machine knows that it is gone.
      void free(ended.incarnation);
      start();
    });
  }

  /** Its gate has cut all, and gives the lease up: the others need not wait. */
  function hasLeft(leaving: Life): void {
    if (!endOf(leaving)) return;
    membership.end(leaving.incarnation);
    void free(leaving.incarnation);
    kernel.at(restartMs, start);
  }

  function onStatement(): "goes-on" | "lost-before" | "lost-after" {
    if (killIn === null) return "goes-on";
    killIn.left -= 1;
    if (killIn.left > 0) return "goes-on";
    const { how } = killIn;
    killIn = null;
    kill();
    return how;
  }

  function start(): void {
    if (life !== null) return;
    const incarnation = world.newId(name);
    const process = kernel.spawn(incarnation, 1);
    const node = createEngineNode(world, { name, process, incarnation, onStatement });
    const mine: Life = { process, incarnation, ...node };
    life = mine;
    world.trace(`${incarnation} starts`);
    const tellServing = () => {
      if (life === mine && !isLeaving) membership.serve(incarnation);
    };
    custody
      .register({ id: incarnation, host: name, proof: {} })
      .then(() => node.start(tellServing))
      .catch(() => {
        if (life === mine) kill();
      });
  }

  return {
    name,
    get isUp() {
      return life !== null;
    },
    start,
    kill,
    /** Never rejects: production's end of a node that fails is its gate's. */
    async leave() {
      const leaving = life;
      if (leaving === null || isLeaving) return;
      isLeaving = true;
      for (const account of leaving.accounts.keys()) world.coverage.moves(account);
      membership.serveNoMore(leaving.incarnation);
      kernel.at(leaveMsMax + leaveMarginMs, () => hasLeft(leaving));
      await leave({
        host: leaving.custodian,
        finishTurns: leaving.turns.stop,
        clock: leaving.process.clock,
        turnsMsMax: leaveMsMax,
      }).catch(() => undefined);
      hasLeft(leaving);
    },
    killAfter(statements, how) {
      if (life !== null) killIn = { left: statements, how };
    },
    find: (account) => life?.accounts.get(account) ?? null,
  };
}

/** What the fleet sees of a host: its lease. */
function createMembership({ members, memberListeners }: EngineWorld, name: string) {
  const isOf = (incarnation: string): boolean => members.get(name)?.incarnation === incarnation;
  function set(incarnation: string, serving: boolean): void {
    members.set(name, { name, incarnation, serving });
    tell();
  }
  function tell(): void {
    for (const listener of memberListeners) listener();
  }
  return {
    serve: (incarnation: string) => set(incarnation, true),
    serveNoMore(incarnation: string): void {
      if (isOf(incarnation)) set(incarnation, false);
    },
    end(incarnation: string): void {
      if (!isOf(incarnation)) return;
      members.delete(name);
      tell();
    },
  };
}

/** The state in which an account is on the host where it serves. */
export const stateOf = (hosts: readonly EngineHost[], account: string): string =>
  hosts
    .map((host) => host.find(account)?.runtime.state ?? "nowhere")
    .toSorted((a, b) => Number(b.startsWith("active")) - Number(a.startsWith("active")))[0]!;
