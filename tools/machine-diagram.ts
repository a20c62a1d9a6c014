import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";

/** One arrow of the diagram, with all events that share source, target, guard and effects. */
interface Arrow {
  readonly from: string;
  readonly to: string;
  /** Id of the composite state that holds both ends; null for the outermost. */
  readonly inside: string | null;
  readonly events: readonly string[];
  readonly rest: string;
}

const effectsShown = 3;

/**
 * The Markdown page of a machine: a sentence, its figures and a Mermaid `stateDiagram-v2`. The same
 * machine gives the same text, to the byte. Throws when the machine has no description to head the
 * page.
 */
export function machineDiagram(machine: AnyStateMachine, file: string): string {
  const root = machine.root as AnyStateNode;
  if (root.description === undefined) {
    throw new Error(`${file} needs a description: a sentence for the head of its diagram`);
  }
  const nodes = below(root);
  const arrows = merged([root, ...nodes].flatMap((node) => arrowsFrom(node, machine)));
  const transitions = [root, ...nodes].reduce((sum, node) => sum + outgoing(node).length, 0);
  return [
    `# ${machine.id}`,
    "",
    root.description,
    "",
    `${nodes.filter(isLeaf).length} states, ${transitions} transitions. Drawn from \`${file}\` by \`npm run diagrams\`; edit that, not this.`,
    "An arrow says: event [guard] / what is asked for on the way. A state lists what is asked for on entry.",
    "",
    "```mermaid",
    "stateDiagram-v2",
    ...composite(root, machine, arrows, 1),
    "```",
    "",
  ].join("\n");
}

function composite(
  node: AnyStateNode,
  machine: AnyStateMachine,
  arrows: readonly Arrow[],
  depth: number,
): readonly string[] {
  const pad = "  ".repeat(depth);
  const inside = isRoot(node) ? null : idOf(node);
  const mine = arrows.filter((arrow) => arrow.inside === inside);
  const anyState = mine.some(({ from }) => from === anyStateOf(node))
    ? [`${pad}state "any state" as ${anyStateOf(node)}`]
    : [];
  const initial = node.initial?.target.map((child) => `${pad}[*] --> ${idOf(child)}`) ?? [];
  return [
    ...children(node).flatMap((child) => declared(child, machine, arrows, depth)),
    ...anyState,
    ...initial,
    ...mine.map(
      ({ from, to, events, rest }) => `${pad}${from} --> ${to}: ${events.join(", ")}${rest}`,
    ),
    ...children(node)
      .filter(({ type }) => type === "final")
      .map((child) => `${pad}${idOf(child)} --> [*]`),
  ];
}

function declared(
  node: AnyStateNode,
  machine: AnyStateMachine,
  arrows: readonly Arrow[],
  depth: number,
): readonly string[] {
  const pad = "  ".repeat(depth);
  const asked = effectsIn(node.entry, machine);
  const entry = asked.length === 0 ? [] : [`${pad}${idOf(node)}: entry / ${asked.join(", ")}`];
  const name = `${pad}state "${node.key}" as ${idOf(node)}`;
  if (isLeaf(node)) return [name, ...entry];
  return [`${name} {`, ...composite(node, machine, arrows, depth + 1), `${pad}}`];
}

function arrowsFrom(node: AnyStateNode, machine: AnyStateMachine): readonly Arrow[] {
  return outgoing(node).flatMap((transition) =>
    targetsOf(transition).map((target): Arrow => {
      // Mermaid cannot draw an arrow from a composite state to its own inside.
      const ownChild = !isLeaf(node) && isWithin(target, node);
      return {
        from: ownChild ? anyStateOf(node) : idOf(node),
        to: target === node && ownChild ? anyStateOf(node) : idOf(target),
        inside: ownChild ? containerId(node) : commonContainer(node, target),
        events: [transition.eventType === "" ? "always" : transition.eventType],
        rest: labelRest(transition, machine),
      };
    }),
  );
}

function labelRest(transition: AnyTransitionDefinition, machine: AnyStateMachine): string {
  const { guard, reenter } = transition;
  const asked = effectsIn(transition.actions, machine);
  return [
    typeof guard === "string" ? ` [${guard}]` : "",
    reenter ? " (again)" : "",
    asked.length > 0 && asked.length <= effectsShown ? ` / ${asked.join(", ")}` : "",
  ].join("");
}

/** Arrows that differ only in their event become one, in the order of the machine's file. */
function merged(arrows: readonly Arrow[]): readonly Arrow[] {
  const byEnds = new Map<string, Arrow>();
  for (const arrow of arrows) {
    const key = JSON.stringify([arrow.from, arrow.to, arrow.rest]);
    const known = byEnds.get(key);
    byEnds.set(
      key,
      known === undefined ? arrow : { ...known, events: [...known.events, ...arrow.events] },
    );
  }
  return [...byEnds.values()];
}

/** Names of the declared effects among actions; assignments to the context are left out. */
function effectsIn(actions: readonly unknown[], machine: AnyStateMachine): readonly string[] {
  const known = machine.implementations.actions as Readonly<Record<string, unknown>>;
  return actions
    .map((action) =>
      typeof action === "object" && action !== null && "type" in action
        ? String(action.type)
        : String(action),
    )
    .filter((name) => {
      const implementation = known[name];
      return implementation !== undefined && !isAssignment(implementation);
    });
}

function isAssignment(implementation: unknown): boolean {
  return (
    typeof implementation === "function" &&
    "type" in implementation &&
    implementation.type === "xstate.assign"
  );
}

const outgoing = (node: AnyStateNode): readonly AnyTransitionDefinition[] => [
  ...(node.always ?? []),
  ...[...node.transitions.values()].flat(),
];

/** A transition without a target stays where it is. */
const targetsOf = ({ source, target }: AnyTransitionDefinition): readonly AnyStateNode[] =>
  (target as readonly AnyStateNode[] | undefined) ?? [source as AnyStateNode];

const children = (node: AnyStateNode): readonly AnyStateNode[] =>
  Object.values<AnyStateNode>(node.states);

const below = (node: AnyStateNode): readonly AnyStateNode[] =>
  children(node).flatMap((child) => [child, ...below(child)]);

const isRoot = (node: AnyStateNode): boolean => node.parent === undefined;

const isLeaf = (node: AnyStateNode): boolean => children(node).length === 0;

const idOf = (node: AnyStateNode): string => node.path.join("_").replaceAll("-", "_");

const anyStateOf = (node: AnyStateNode): string =>
  ["any", ...node.path].join("_").replaceAll("-", "_");

const containerId = (node: AnyStateNode): string | null => (isRoot(node) ? null : idOf(node));

function isWithin(node: AnyStateNode, outer: AnyStateNode): boolean {
  return outer.path.every((key, depth) => node.path[depth] === key);
}

function commonContainer(one: AnyStateNode, other: AnyStateNode): string | null {
  let container = one.parent;
  while (container !== undefined && !isWithin(other, container)) container = container.parent;
  return container === undefined ? null : containerId(container);
}
