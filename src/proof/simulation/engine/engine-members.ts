import { timingsOf } from "../../../config/timings.ts";
import type { FleetMembers } from "../../../custody/fleet-members.ts";
import { hostKey } from "../../../custody/registers.ts";
import type { NodeOf } from "./engine-gate.ts";
import type { EngineWorld } from "./engine-world.ts";

export type EngineMembers = Omit<FleetMembers, "start" | "stop">;

const { heartbeatMs } = timingsOf.production;

/** The fleet as this node sees it. */
export function membersOf(
  world: EngineWorld,
  { process }: NodeOf,
): { readonly members: EngineMembers; stop(): void } {
  const stops: (() => void)[] = [];
  const beatListeners = new Set<() => void>();

  function beat(): void {
    for (const listener of beatListeners) listener();
    process.clock.schedule(heartbeatMs, beat);
  }
  process.clock.schedule(heartbeatMs, beat);

  return {
    members: {
      serving: () => servingOf(world),
      leases: () =>
        [...world.members.keys()].map(
          (one) => ({ key: hostKey(one), channels: ["telegram"] }) as never,
        ),
      isLive: (id) => [...world.members.values()].some((one) => one.incarnation === id),
      promiseOf: () => null,
      onChange(listener) {
        const heard = () => process.deliver(world.kernel.random.next() * 20, listener);
        world.memberListeners.add(heard);
        const stop = () => void world.memberListeners.delete(heard);
        stops.push(stop);
        return stop;
      },
      onOwnBeat(listener) {
        beatListeners.add(listener);
        return () => void beatListeners.delete(listener);
      },
    },
    stop() {
      for (const stop of stops) stop();
    },
  };
}

const servingOf = ({ members }: EngineWorld): readonly string[] =>
  [...members.values()]
    .filter(({ serving }) => serving)
    .map(({ name }) => hostKey(name))
    .toSorted();
