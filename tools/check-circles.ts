import { circlesIn, type Graph, grouped, importGraph } from "./import-graph.ts";
import type { Found } from "./pending.ts";
import type { SourceTree } from "./source-tree.ts";

/** The arrows inside one folder, paths counted from the root. */
function inside(graph: Graph, folder: string): Graph {
  const isInside = (file: string) => file.startsWith(`${folder}/`);
  return new Map(
    [...graph]
      .filter(([file]) => isInside(file))
      .map(([file, targets]) => [file, new Set([...targets].filter(isInside))]),
  );
}

const foldersOf = (files: Iterable<string>): ReadonlySet<string> =>
  new Set(
    [...files].flatMap((file) => {
      const parts = file.split("/").slice(0, -1);
      return parts.map((_, n) => parts.slice(0, n + 1).join("/"));
    }),
  );

/** Circles of folders that lie side by side; the files beside them do not count, as each of those is one of many. */
export function folderCircles(graph: Graph): readonly (readonly string[])[] {
  return [...foldersOf(graph.keys())].toSorted().flatMap((folder) => {
    const depth = folder.split("/").length + 1;
    const local = inside(graph, folder);
    const nested = new Map([...local].filter(([file]) => file.split("/").length > depth));
    return circlesIn(grouped(nested, (file) => file.split("/").slice(0, depth).join("/")));
  });
}

/** Circles of files, by `import type` and `import("…")` too, and circles of folders that lie side by side. */
export function checkCircles(tree: SourceTree): readonly Found[] {
  const graph = importGraph(tree);
  const sources = new Map([...graph].filter(([file]) => /^(?:src|machines)\//.test(file)));
  const found = (circle: readonly string[], what: string): Found => ({
    name: circle.join(" → "),
    breach: `${circle[0]}:1: a circle of ${what}: ${circle.join(" → ")}; move what both need into a file below them`,
  });
  return [
    ...circlesIn(graph).map((circle) => found(circle, "files")),
    ...folderCircles(sources).map((circle) => found(circle, "folders")),
  ];
}
