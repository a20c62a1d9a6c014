import type { AnyStateMachine, EventFromLogic, InputFrom, SnapshotFrom } from "xstate";

/** The payloads worth trying for each event of a machine, made from the snapshot it is in. */
export type EventCases<M extends AnyStateMachine> = {
  readonly [Type in EventFromLogic<M>["type"]]: (
    snapshot: SnapshotFrom<M>,
  ) => readonly Extract<EventFromLogic<M>, { readonly type: Type }>[];
};

/** The path generator's knowledge of a machine beyond its definition. */
export interface MachineModel<M extends AnyStateMachine = AnyStateMachine> {
  readonly machine: M;
  /** The ways to begin, each with a name for the reader. */
  readonly starts: Readonly<Record<string, InputFrom<M>>>;
  /** Every event of the machine, with payloads that give each guard both answers. */
  readonly cases: EventCases<M>;
  /**
   * The identity of a snapshot for the walk. It must keep everything that a guard reads, and drop
   * everything that grows without bound (epochs, counters, slot numbers), or the walk does not end.
   */
  stateKey(snapshot: SnapshotFrom<M>): string;
}

/** Work requested by a machine in one transition. */
export interface Ask {
  readonly type: string;
  readonly params: unknown;
}

/** The effects among the actions that XState returns, in order. */
export function asksIn(
  actions: readonly { readonly type: string; readonly params: unknown }[],
): readonly Ask[] {
  return actions
    .filter(({ type }) => !type.startsWith("xstate."))
    .map(({ type, params }) => ({ type, params }));
}
