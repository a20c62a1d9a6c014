import type { AnyStateMachine, AnyStateNode } from "xstate";
import type { MachineFile } from "./load-machines.ts";
import { exportsOf, usersIn } from "./module-names.ts";
import type { Found } from "./pending.ts";
import type { SourceText } from "./source-text.ts";
import { isProduct, type SourceTree } from "./source-tree.ts";

/** A name of an event as a program says it: a string that is neither a key nor a case, or a member `.name`. */
export function saysEvent({ bare, literals }: SourceText, event: string): boolean {
  const asString = literals.some(
    ({ value, start, end }) =>
      value === event && bare[end] !== ":" && !/\bcase\s+$/.test(bare.slice(0, start)),
  );
  return asString || (/^\w+$/.test(event) && new RegExp(`\\.${event}\\b`).test(bare));
}

/** A node and the nodes that it begins with. */
function first(node: AnyStateNode): readonly AnyStateNode[] {
  const children = Object.values(node.states) as readonly AnyStateNode[];
  if (node.type === "parallel") return [node, ...children.flatMap(first)];
  if (node.type !== "compound") return [node];
  return [node, ...node.initial.target.flatMap(first)];
}

/** State nodes that the machine can reach with these events alone. */
function reached(machine: AnyStateMachine, isSent: (event: string) => boolean) {
  const seen = new Set<AnyStateNode>();
  const left = [...first(machine.root)];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.parent !== undefined) left.push(node.parent);
    const transitions = [...node.transitions]
      .filter(([event]) => event === "" || event.startsWith("xstate.") || isSent(event))
      .flatMap(([, to]) => to);
    for (const { target } of [...transitions, ...(node.always ?? [])])
      for (const next of target ?? []) left.push(...first(next));
  }
  return seen;
}

const nodesOf = (node: AnyStateNode): readonly AnyStateNode[] => [
  node,
  ...(Object.values(node.states) as readonly AnyStateNode[]).flatMap(nodesOf),
];

/**
 * For machines whose values the product does not import: their events that no file of the product
 * names, and their states that the named events cannot reach. Names are compared, not types: a
 * namesake hides an event.
 */
export function checkStates(tree: SourceTree, machines: readonly MachineFile[]): readonly Found[] {
  const product = [...tree].filter(([file]) => isProduct(file));
  const users = usersIn(tree);
  return machines.flatMap(({ file, machine }) => {
    const path = file;
    const at = `${path}:1`;
    const isSent = (event: string) => product.some(([, source]) => saysEvent(source, event));
    const source = tree.get(path);
    const values = source === undefined ? [] : exportsOf(source).filter(({ isType }) => !isType);
    const isRun = values.some(({ name }) => users(path, name).some(isProduct));
    const events = machine.events.filter((event) => !isSent(event));
    const seen = reached(machine, isSent);
    const states = nodesOf(machine.root).filter((node) => !seen.has(node));
    return [
      ...(isRun
        ? []
        : [
            {
              name: machine.id,
              breach: `${at}: no program runs by the machine ${machine.id}, it takes types at most; let one ask it`,
            },
          ]),
      ...events.map((event) => ({
        name: `${machine.id}: event ${event}`,
        breach: `${at}: no program sends ${event}; delete it`,
      })),
      ...states.map(({ path: names }) => ({
        name: `${machine.id}: state ${names.join(".")}`,
        breach: `${at}: no program comes to the state ${names.join(".")}; delete it, or draw how it is come to`,
      })),
    ];
  });
}

/** The events among what `checkStates` found. */
export const eventsIn = (found: readonly Found[]): readonly string[] =>
  found.flatMap(({ name }) => /: event (.+)$/.exec(name)?.[1] ?? []);
