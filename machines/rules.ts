import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";

/** One arrow of a machine, as its file declares it. Names are the machine's own; nested states are joined by dots. */
export interface Row {
  readonly from: string;
  readonly event: string;
  /** The state that is entered; `from` where the transition stays. */
  readonly to: string;
  readonly guarded: boolean;
  /** The guard's name; null without one, or where it has no name. */
  readonly guard: string | null;
  /** Names of the actions on the way, assignments to the context included. */
  readonly actions: readonly string[];
}

/**
 * Every transition of a machine, state by state in the order of its file, from XState's own
 * definition. An outer state's transition is a row of each state inside it, after that state's own.
 * Pure; made once at start. Code that cannot call the machine for each event (a statement, a hot
 * path) follows it through these rows. Eventless transitions are rows of the event "". Throws for a
 * machine with parallel states, whose states are no single name.
 */
export function tableOf(machine: AnyStateMachine): readonly Row[] {
  const root = machine.root as AnyStateNode;
  return leavesOf(root).flatMap((leaf) =>
    lineage(leaf).flatMap((node) => outgoing(node).map((transition) => rowOf(leaf, transition))),
  );
}

/** The names of all states that a machine can be in, in the order of its file. */
export function statesOf(machine: AnyStateMachine): readonly string[] {
  return leavesOf(machine.root as AnyStateNode).map(nameOf);
}

/** The names of the states that carry a tag, in the order of the machine's file. */
export function statesTagged(machine: AnyStateMachine, tag: string): readonly string[] {
  return leavesOf(machine.root as AnyStateNode)
    .filter((leaf) => lineage(leaf).some(({ tags }) => tags.includes(tag)))
    .map(nameOf);
}

function rowOf(leaf: AnyStateNode, { eventType, target, guard, actions }: Transition): Row {
  const entered = target?.[0] as AnyStateNode | undefined;
  return {
    from: nameOf(leaf),
    event: eventType,
    to: nameOf(entered === undefined ? leaf : firstLeaf(entered)),
    guarded: guard !== undefined,
    guard: typeof guard === "string" ? guard : null,
    actions: actions.map((action: unknown) => actionName(action)),
  };
}

type Transition = AnyTransitionDefinition;

const actionName = (action: unknown): string =>
  typeof action === "object" && action !== null && "type" in action
    ? String(action.type)
    : String(action);

const outgoing = (node: AnyStateNode): readonly Transition[] => [
  ...[...node.transitions.values()].flat(),
  ...(node.always ?? []),
];

/** The state itself, then its parents, outwards. */
const lineage = (node: AnyStateNode): readonly AnyStateNode[] =>
  node.parent === undefined ? [node] : [node, ...lineage(node.parent)];

function leavesOf(node: AnyStateNode): readonly AnyStateNode[] {
  if (node.type === "parallel") {
    throw new Error(`${node.machine.id} has parallel states; no table can name them`);
  }
  const inside = Object.values<AnyStateNode>(node.states);
  return inside.length === 0 ? [node] : inside.flatMap(leavesOf);
}

function firstLeaf(node: AnyStateNode): AnyStateNode {
  const first = node.initial?.target[0];
  return first === undefined ? node : firstLeaf(first);
}

const nameOf = ({ path }: AnyStateNode): string => path.join(".");
