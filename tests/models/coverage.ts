import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  type AnyTransitionDefinition,
  createActor,
  type EventFromLogic,
  getNextTransitions,
  type SnapshotFrom,
} from "xstate";
import { getStateNodes } from "xstate/graph";
import type { MachineModel } from "./model.ts";
import { edgePaths, eventsIn, type Path, type WalkOptions } from "./paths.ts";

/**
 * The findings of a set of paths about one machine. Each list names transitions, and is empty when
 * all is well.
 */
export interface CoverageReport {
  readonly transitions: number;
  readonly paths: number;
  readonly neverTaken: readonly string[];
  /** Guarded transitions whose guard was never seen to refuse: the guard may be pointless. */
  readonly neverRefused: readonly string[];
  readonly statesNeverEntered: readonly string[];
  /** Events that the machine names and the model has no payload for. */
  readonly eventsWithoutCases: readonly string[];
}

/** Names a transition by its source, its event and its place among the candidates, then by where it leads. */
function transitionId(transition: AnyTransitionDefinition): string {
  const { eventType, target } = transition;
  const leadsTo = target === undefined ? "stays" : target.map(({ id }) => id).join(" + ");
  const index = candidatesBeside(transition).indexOf(transition);
  return `${transition.source.id} · ${eventType || "always"} [${index}] → ${leadsTo}`;
}

/** Every transition of a machine: the root's own, and `always`, which the machine's definition leaves out. */
function transitionsOf(machine: AnyStateMachine): readonly AnyTransitionDefinition[] {
  return nodesOf(machine).flatMap((node) => [
    ...[...node.transitions.values()].flat(),
    ...(node.always ?? []),
  ]);
}

/** Walks every edge of the model's graph and reports what no path has shown. */
export function coverageOf<M extends AnyStateMachine>(
  model: MachineModel<M>,
  paths: readonly Path<M>[] = edgePaths(model),
): CoverageReport {
  const { machine } = model;
  const taken = new Set<string>();
  const refused = new Set<string>();
  const entered = new Set<string>();
  for (const path of paths) {
    for (const id of transitionsTaken(machine, path)) taken.add(id);
    for (const snapshot of [path.initial, ...path.steps.map(({ after }) => after)]) {
      for (const { id } of (snapshot as AnyMachineSnapshot)._nodes) entered.add(id);
      for (const id of refusalsIn(model, snapshot)) refused.add(id);
    }
  }
  const all = transitionsOf(machine);
  const guarded = all.filter(({ guard }) => guard !== undefined);
  const known = new Set(Object.keys(model.cases));
  return {
    transitions: all.length,
    paths: paths.length,
    neverTaken: all.map(transitionId).filter((id) => !taken.has(id)),
    neverRefused: guarded.map(transitionId).filter((id) => !refused.has(id)),
    statesNeverEntered: nodesOf(machine)
      .map(({ id }) => id)
      .filter((id) => !entered.has(id)),
    eventsWithoutCases: machine.events.filter((event: string) => !known.has(event)),
  };
}

/** The transitions that a path takes, in order, repeated as often as taken. */
function transitionsTaken<M extends AnyStateMachine>(machine: M, path: Path<M>): readonly string[] {
  const taken: string[] = [];
  const actor = createActor(machine as AnyStateMachine, {
    input: path.input as unknown,
    inspect: (seen) => {
      if (seen.type !== "@xstate.microstep") return;
      for (const transition of seen._transitions) {
        if (isDeclared(transition)) taken.push(transitionId(transition));
      }
    },
  });
  actor.start();
  for (const { event } of path.steps) actor.send(event);
  actor.stop();
  return taken;
}

/** The longest paths first, as many as it takes to take each transition that any of them takes. */
export function coveringPaths<M extends AnyStateMachine>(
  { machine }: MachineModel<M>,
  paths: readonly Path<M>[],
): readonly Path<M>[] {
  const seen = new Set<string>();
  const byLength = paths.toSorted((one, other) => other.steps.length - one.steps.length);
  return byLength.filter((path) => {
    const fresh = transitionsTaken(machine, path).filter((id) => !seen.has(id));
    for (const id of fresh) seen.add(id);
    return fresh.length > 0;
  });
}

const everyEvent: WalkOptions = { events: "handled" };

/** Guarded transitions that this snapshot, with some event of the model, does not allow. */
function refusalsIn<M extends AnyStateMachine>(
  model: MachineModel<M>,
  snapshot: SnapshotFrom<M>,
): readonly string[] {
  if ((snapshot as AnyMachineSnapshot).status !== "active") return [];
  const possible = getNextTransitions(snapshot as AnyMachineSnapshot).filter(
    ({ guard }) => guard !== undefined,
  );
  const events = eventsIn(model, snapshot, everyEvent);
  return possible
    .filter((transition) =>
      // A settled snapshot in this state is the refusal: allowed, an eventless transition would have left.
      transition.eventType === ""
        ? true
        : events.some(
            (event) =>
              event.type === transition.eventType && !allows(model, transition, snapshot, event),
          ),
    )
    .map(transitionId);
}

function allows<M extends AnyStateMachine>(
  { machine }: MachineModel<M>,
  { guard }: AnyTransitionDefinition,
  snapshot: SnapshotFrom<M>,
  event: EventFromLogic<M>,
): boolean {
  const decide: unknown =
    typeof guard === "string"
      ? (machine.implementations.guards as Readonly<Record<string, unknown>>)[guard]
      : guard;
  if (typeof decide !== "function") {
    throw new Error(`${machine.id} has a guard that is neither a name nor a function`);
  }
  const { context } = snapshot as AnyMachineSnapshot;
  return decide({ context: context as unknown, event }, undefined) === true;
}

function nodesOf(machine: AnyStateMachine): readonly AnyStateNode[] {
  return [machine.root as AnyStateNode, ...getStateNodes(machine.root)];
}

function candidatesBeside({
  source,
  eventType,
}: AnyTransitionDefinition): readonly AnyTransitionDefinition[] {
  const node = source as AnyStateNode;
  return (eventType === "" ? node.always : node.transitions.get(eventType)) ?? [];
}

/** The step into the initial state is reported as a transition, but no file declares one. */
function isDeclared(transition: AnyTransitionDefinition): boolean {
  return candidatesBeside(transition).includes(transition);
}
