import { importsIn } from "./check-imports.ts";
import { type SourceTree, targetOf } from "./source-tree.ts";

/** Which nodes each node points at. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Files of the tree and the files of it that they import, `import type` and `import("…")` included. */
export function importGraph(tree: SourceTree): Graph {
  return new Map(
    [...tree].map(([file, { code }]) => [
      file,
      new Set(
        importsIn(code)
          .filter(({ specifier }) => specifier.startsWith("."))
          .map(({ specifier }) => targetOf(file, specifier))
          .filter((target) => tree.has(target)),
      ),
    ]),
  );
}

/** The graph of groups of nodes: a group points at another when one of its nodes does. */
export function grouped(graph: Graph, groupOf: (node: string) => string): Graph {
  const groups = new Map<string, Set<string>>();
  for (const [node, targets] of graph) {
    const from = groupOf(node);
    const arrows = groups.get(from) ?? new Set();
    groups.set(from, arrows);
    for (const target of targets) if (groupOf(target) !== from) arrows.add(groupOf(target));
  }
  return groups;
}

/** The shortest way from `start` back to itself, or null. */
function wayBack(
  graph: Graph,
  start: string,
  within: ReadonlySet<string>,
): readonly string[] | null {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
    for (const next of graph.get(node) ?? []) {
      if (next === start) {
        const way = [start];
        for (let at = node; at !== start; at = cameFrom.get(at)!) way.unshift(at);
        return [start, ...way];
      }
      if (!within.has(next) || cameFrom.has(next)) continue;
      cameFrom.set(next, node);
      queue.push(next);
    }
  }
  return null;
}

function reachable(graph: Graph, start: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const left = [start];
  for (let node = left.pop(); node !== undefined; node = left.pop())
    for (const next of graph.get(node) ?? [])
      if (!seen.has(next)) {
        seen.add(next);
        left.push(next);
      }
  return seen;
}

/** One shortest circle of each knot of nodes that reach each other; it ends with the node that it begins with. */
export function circlesIn(graph: Graph): readonly (readonly string[])[] {
  const reach = new Map([...graph.keys()].map((node) => [node, reachable(graph, node)]));
  const done = new Set<string>();
  const circles: (readonly string[])[] = [];
  for (const node of [...graph.keys()].toSorted()) {
    if (done.has(node) || reach.get(node)?.has(node) !== true) continue;
    const knot = new Set([...reach.get(node)!].filter((other) => reach.get(other)?.has(node)));
    for (const member of knot) done.add(member);
    const ways = [...knot].toSorted().map((member) => wayBack(graph, member, knot)!);
    circles.push(ways.toSorted((a, b) => a.length - b.length)[0]!);
  }
  return circles;
}
