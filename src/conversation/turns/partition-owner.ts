import { placeOf } from "../../custody/placement.ts";
import type { FleetMembers } from "../../custody/fleet-members.ts";
import type { Clock } from "../../concurrency/clock.ts";
import { serially } from "../../concurrency/serially.ts";
import { wait } from "../../concurrency/wait.ts";
import type {
  ConversationStore,
  PartitionClaim,
} from "../../ports/conversation/conversation-store.ts";
import { partitions } from "../../ports/conversation/partitions.ts";
import { ableHosts } from "./able-hosts.ts";
import type { TurnEngine } from "./engine.ts";

export interface TurnOwnerOptions {
  readonly members: Pick<FleetMembers, "serving" | "leases" | "onChange" | "isLive">;
  /** This host's key in the register of hosts, and its incarnation. */
  readonly ownKey: string;
  readonly incarnation: string;
  readonly store: Pick<
    ConversationStore,
    "claimPartition" | "releasePartition" | "releaseUnanswered" | "partitionOwner"
  >;
  /** `onStale`: a newer owner commits; the engine has stopped. */
  makeEngine(claim: PartitionClaim, onStale: () => void): TurnEngine;
  /** Tells the fleet that this host takes no more turns of a partition, and hears it of others. */
  tellReleased(partition: number): void;
  onReleased(listener: (partition: number) => void): () => void;
  readonly clock: Pick<Clock, "monotonicMs" | "schedule">;
  /** How long a living owner may take to finish the turns that it has begun. */
  readonly drainMsMax: number;
  readonly retryMs: number;
  onFault(error: unknown): void;
}

/**
 * Takes the turns of this host's partitions, which follow from the serving hosts, as accounts do, but
 * only from those that have every channel.
 * An owner that loses a partition finishes the turns it has begun and gives the partition back. The
 * next owner claims it then, at once if the owner is gone, or after a long enough wait. The epoch
 * ensures that two supposed owners cannot both commit.
 */
export interface TurnOwner {
  /** Resolves when this host takes the turns of every partition that is free for it. */
  start(): Promise<void>;
  /** Finishes the turns it has begun and gives every partition back. */
  stop(): Promise<void>;
}

export function createTurnOwner(options: TurnOwnerOptions): TurnOwner {
  let stopped = false;
  const shares = partitions.map((partition) => createShare(options, partition, () => stopped));
  /** Never rejects, as no share's look does. */
  const lookAll = () => Promise.all(shares.map((share) => share.look()));
  let forget = () => {};

  return {
    async start() {
      const stopWatching = options.members.onChange(() => void lookAll());
      const stopHearing = options.onReleased((partition) => void shares[partition]?.look());
      forget = () => {
        stopWatching();
        stopHearing();
      };
      await lookAll();
    },
    async stop() {
      stopped = true;
      forget();
      await lookAll();
    },
  };
}

/** Turns that are at work for less may end soon: no other begins for so long. */
const quickMs = 2_000;
const lookAgainMs = 50;
/** Of the time that the next owner waits, so much is left for the last turns. */
const lastMs = 5_000;

/** One partition, as this host sees it. */
function createShare(options: TurnOwnerOptions, partition: number, isStopped: () => boolean) {
  const { members, ownKey, incarnation, store, clock } = options;
  let held: { readonly claim: PartitionClaim; readonly engine: TurnEngine } | null = null;
  /** The store has this host as the owner, whether its engine could start or not: the next one waits for a release. */
  let claimed: PartitionClaim | "unanswered" | null = null;
  let wantedSinceMs: number | null = null;
  let cancelLook = () => {};
  const inTurn = serially();

  const isMine = (): boolean =>
    !isStopped() && placeOf(`turns ${partition}`, ableHosts(members)) === ownKey;

  function lookIn(delayMs: number): void {
    cancelLook();
    cancelLook = clock.schedule(delayMs, () => void look());
  }

  /** How much longer a living owner is waited for; 0: it may be claimed. */
  async function waitMs(): Promise<number> {
    const owner = await store.partitionOwner(partition);
    if (owner === null || owner === incarnation || !members.isLive(owner)) return 0;
    wantedSinceMs ??= clock.monotonicMs();
    return Math.max(0, wantedSinceMs + options.drainMsMax - clock.monotonicMs());
  }

  async function begin(): Promise<void> {
    const restMs = await waitMs();
    if (restMs > 0) {
      lookIn(restMs);
      return;
    }
    claimed = "unanswered";
    const claim = await store.claimPartition(partition, incarnation);
    claimed = claim;
    wantedSinceMs = null;
    const engine = options.makeEngine(claim, () => {
      if (held?.engine === engine) held = null;
      if (claimed === claim) claimed = null;
      // The host that took over believes itself the owner; if it is wrong, this host is again.
      lookIn(options.retryMs);
    });
    held = { claim, engine };
    // It may have begun turns, of users who are behind: they end before another engine begins.
    await engine.start().catch(async (error: unknown) => {
      await engine.stop();
      throw error;
    });
  }

  /**
   * One user's handler that takes long is waited for without holding up the others: their turns go on here meanwhile.
   * The next owner waits so long, too. Answers whether the partition is still to be given back.
   */
  async function untilQuiet(): Promise<boolean> {
    const untilMs = clock.monotonicMs() + options.drainMsMax - lastMs;
    let pausedMs: number | null = null;
    while (!isStopped() && held !== null && clock.monotonicMs() < untilMs) {
      const { longestMs } = held.engine;
      if (longestMs === null) return true;
      const nowMs = clock.monotonicMs();
      if (longestMs <= quickMs) pausedMs ??= nowMs;
      else if (pausedMs !== null && nowMs - pausedMs >= quickMs) pausedMs = null;
      held.engine.pause(pausedMs !== null);
      await wait(clock, lookAgainMs);
      if (!isMine()) continue;
      held?.engine.pause(false);
      return false;
    }
    return true;
  }

  async function giveBack(): Promise<void> {
    if (!(await untilQuiet())) return;
    const given = held;
    held = null;
    await given?.engine.stop();
    if (claimed === null) return;
    if (claimed === "unanswered") await store.releaseUnanswered(partition, incarnation);
    else await store.releasePartition(claimed);
    claimed = null;
    options.tellReleased(partition);
  }

  async function settle(): Promise<void> {
    if (!isMine()) {
      wantedSinceMs = null;
      await giveBack();
    } else if (held === null) await begin();
  }

  function onFault(error: unknown): void {
    held = null;
    options.onFault(error);
    if (!isStopped()) lookIn(options.retryMs);
  }

  /** Never rejects. */
  function look(): Promise<void> {
    cancelLook();
    return inTurn(() => settle().catch(onFault));
  }

  return { look };
}
