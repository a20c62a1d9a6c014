import { deepStrictEqual } from "node:assert";
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventFromLogic,
  type InputFrom,
  initialTransition,
  type SnapshotFrom,
  transition,
} from "xstate";
import { getAdjacencyMap } from "xstate/graph";
import { type Ask, asksIn, type MachineModel } from "./model.ts";

export interface Step<M extends AnyStateMachine> {
  readonly event: EventFromLogic<M>;
  /** The snapshot that the machine is in after the event. */
  readonly after: SnapshotFrom<M>;
  readonly asks: readonly Ask[];
}

export interface Path<M extends AnyStateMachine> {
  /** Name of the start in the model. */
  readonly start: string;
  readonly input: InputFrom<M>;
  readonly initial: SnapshotFrom<M>;
  /** The machine's requests before any event. */
  readonly asks: readonly Ask[];
  readonly steps: readonly Step<M>[];
}

export interface WalkOptions {
  /** `handled`: only events that the state names; `all`: also those that it must ignore. */
  readonly events: "handled" | "all";
}

/** More snapshots than any machine here has; a walk beyond it means that a state key grows without bound. */
const traversalsMax = 20_000;

type Arrival<M extends AnyStateMachine> = {
  readonly event: EventFromLogic<M>;
  readonly state: SnapshotFrom<M>;
};

type Edge<M extends AnyStateMachine> = {
  readonly event: EventFromLogic<M>;
  readonly from: string;
  readonly to: string;
};

/**
 * One path per edge of the machine's graph: the shortest way to the edge's source (breadth first), then the
 * edge. Paths that are the beginning of another are dropped. Linear in edges, back edges and self-loops
 * included, where simple paths are exponential and miss both.
 */
export function edgePaths<M extends AnyStateMachine>(
  model: MachineModel<M>,
  options: WalkOptions = { events: "handled" },
): readonly Path<M>[] {
  return Object.keys(model.starts).flatMap((start) => pathsFrom(model, start, options));
}

/** The events to try in a snapshot, in the order of the model's cases. */
export function eventsIn<M extends AnyStateMachine>(
  { cases }: MachineModel<M>,
  snapshot: SnapshotFrom<M>,
  { events }: WalkOptions,
): readonly EventFromLogic<M>[] {
  const nodes = (snapshot as AnyMachineSnapshot)._nodes;
  const named = new Set<string>(nodes.flatMap(({ ownEvents }) => ownEvents as string[]));
  return Object.entries<(now: SnapshotFrom<M>) => readonly EventFromLogic<M>[]>(cases)
    .filter(([type]) => events === "all" || named.has(type))
    .flatMap(([, payloads]) => payloads(snapshot));
}

/** Runs events through the pure machine, from one of the model's starts. */
export function replay<M extends AnyStateMachine>(
  { machine, starts }: MachineModel<M>,
  start: string,
  events: readonly EventFromLogic<M>[],
): Path<M> {
  const input = starts[start] as InputFrom<M>;
  const [initial, actions] = initialTransition(machine, ...([input] as never));
  const steps: Step<M>[] = [];
  let now = initial;
  for (const event of events) {
    const [after, asked] = transition(machine, now, event);
    steps.push({ event, after, asks: asksIn(asked) });
    now = after;
  }
  return { start, input, initial, asks: asksIn(actions), steps };
}

function pathsFrom<M extends AnyStateMachine>(
  model: MachineModel<M>,
  start: string,
  options: WalkOptions,
): readonly Path<M>[] {
  const adjacency = getAdjacencyMap(model.machine as AnyStateMachine, {
    input: model.starts[start] as InputFrom<M>,
    events: (snapshot: AnyMachineSnapshot) => eventsIn(model, snapshot as SnapshotFrom<M>, options),
    filterEvents: ({ status }) => status === "active",
    serializeState: (snapshot: AnyMachineSnapshot) => model.stateKey(snapshot as SnapshotFrom<M>),
    limit: traversalsMax,
  });
  const edges = Object.entries(adjacency).flatMap(([from, { transitions }]) =>
    Object.values(transitions as Readonly<Record<string, Arrival<M>>>).map(
      ({ event, state }): Edge<M> => ({ event, from, to: model.stateKey(state) }),
    ),
  );
  const ways = shortestWays(Object.keys(adjacency)[0] ?? "", edges);
  // A machine that takes no event still begins somewhere.
  const routes =
    edges.length === 0 ? [[]] : edges.map((edge) => [...(ways.get(edge.from) ?? []), edge]);
  return withoutBeginnings(routes).map((route) => {
    const path = replay(
      model,
      start,
      route.map(({ event }) => event),
    );
    // A key that drops a guard's input would make the graph lie about where events lead.
    deepStrictEqual(
      path.steps.map(({ after }) => model.stateKey(after)),
      route.map(({ to }) => to),
      `the state key of ${model.machine.id} drops something that decides its transitions`,
    );
    return path;
  });
}

function shortestWays<M extends AnyStateMachine>(
  root: string,
  edges: readonly Edge<M>[],
): ReadonlyMap<string, readonly Edge<M>[]> {
  const ways = new Map<string, readonly Edge<M>[]>([[root, []]]);
  for (const [state, way] of ways) {
    for (const edge of edges) {
      if (edge.from === state && !ways.has(edge.to)) ways.set(edge.to, [...way, edge]);
    }
  }
  return ways;
}

function withoutBeginnings<M extends AnyStateMachine>(
  routes: readonly (readonly Edge<M>[])[],
): readonly (readonly Edge<M>[])[] {
  const signature = (route: readonly Edge<M>[]) =>
    route.map(({ event }) => JSON.stringify(event)).join(" ");
  const beginnings = new Set(
    routes.flatMap((route) =>
      route.slice(1).map((_, index) => signature(route.slice(0, index + 1))),
    ),
  );
  return routes.filter((route) => !beginnings.has(signature(route)));
}
