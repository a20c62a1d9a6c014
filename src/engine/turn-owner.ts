import { placeOf } from "../custody/placement.ts";
import type { FleetMembers } from "../custody/fleet-members.ts";
import type { TurnEngine } from "./turns.ts";

export interface TurnOwnerOptions {
  readonly members: Pick<FleetMembers, "serving" | "onChange">;
  /** This host's key in the register of hosts. */
  readonly ownKey: string;
  /** Mints the next owner's epoch: commits of earlier owners are refused from then on. */
  claim(): Promise<{ readonly epoch: number }>;
  /** `onStale`: a newer owner commits; the engine has stopped. */
  makeEngine(ownerEpoch: number, onStale: () => void): TurnEngine;
  onFault(error: unknown): void;
  retry(task: () => void): void;
}

/**
 * Runs the turns of the fleet on one of its hosts. Where that is follows from who serves, as with accounts; the
 * owner's epoch in Postgres makes sure that two who both think so cannot both commit.
 */
export interface TurnOwner {
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createTurnOwner(options: TurnOwnerOptions): TurnOwner {
  const { members, ownKey } = options;
  let engine: TurnEngine | null = null;
  let stopped = false;
  let tail: Promise<void> = Promise.resolve();
  let stopLooking = () => {};

  const isOwner = (): boolean => !stopped && placeOf("turns", members.serving()) === ownKey;

  async function begin(): Promise<void> {
    const { epoch } = await options.claim();
    const made = options.makeEngine(epoch, () => {
      if (engine === made) engine = null;
      // Whoever took over thinks that it is the owner; when it is not, this host is again.
      options.retry(look);
    });
    engine = made;
    await made.start();
  }

  async function settle(): Promise<void> {
    if (isOwner() && engine === null) await begin();
    if (isOwner() || engine === null) return;
    const ending = engine;
    engine = null;
    await ending.stop();
  }

  function look(): void {
    tail = tail.then(settle).catch((error: unknown) => {
      engine = null;
      options.onFault(error);
      if (!stopped) options.retry(look);
    });
  }

  return {
    async start() {
      stopLooking = members.onChange(look);
      look();
      await tail;
    },
    async stop() {
      stopped = true;
      stopLooking();
      look();
      await tail;
    },
  };
}
