import { fileURLToPath } from "node:url";
import { linesMax } from "./check-lengths.ts";
import { folderCircles } from "./check-circles.ts";
import { floatsIn } from "./check-floats.ts";
import { functionsIn } from "./function-lengths.ts";
import { circlesIn, grouped, importGraph } from "./import-graph.ts";
import type { Found } from "./pending.ts";
import { readTree, type SourceTree } from "./source-tree.ts";
import { structureOf } from "./structure.ts";
import { trackedFiles } from "./tracked-files.ts";

const isSource = (file: string): boolean => /^(?:src|machines)\/.*\.ts$/.test(file);

/** The folder of a file. */
const folderOf = (file: string): string => file.slice(0, file.lastIndexOf("/"));

/** Folders by how many files lie in them, the fullest first. */
function fullest(files: readonly string[]): readonly (readonly [folder: string, files: number])[] {
  const folders = new Map<string, number>();
  for (const file of files) folders.set(folderOf(file), (folders.get(folderOf(file)) ?? 0) + 1);
  return [...folders].toSorted(([, a], [, b]) => b - a);
}

/** A folder of `src`, or a file beside them. */
const wingOf = (file: string): string =>
  file
    .split("/")
    .slice(0, file.startsWith("src/") ? 2 : 1)
    .join("/");

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

const listed = (names: readonly string[]): string =>
  names.length === 0 ? "0" : `${names.length} (${names.join(", ")})`;

const namesOf = (found: readonly Found[]): string => listed(found.map(({ name }) => name));

/** Rows of figure and value over the sources of a tree. */
async function rowsOf(tree: SourceTree): Promise<readonly (readonly [string, string])[]> {
  const sources: SourceTree = new Map([...tree].filter(([file]) => isSource(file)));
  const lengths = [...sources.values()].map(({ code }) => code.split("\n").length - 1);
  const graph = importGraph(sources);
  const wings = grouped(graph, wingOf);
  const functions = functionsIn(sources).toSorted((a, b) => b.lines - a.lines);
  const over = (lines: number) => functions.filter((one) => one.lines > lines).length;
  const { exports, methods, statements, states } = await structureOf(tree);
  const files = [...sources.keys()];
  return [
    [
      "files / lines / median of a file",
      `${files.length} / ${lengths.reduce((sum, n) => sum + n, 0)} / ${median(lengths)}`,
    ],
    [
      "files in the largest folders",
      fullest(files)
        .slice(0, 5)
        .map(([folder, count]) => `${count} ${folder}`)
        .join(", "),
    ],
    ["circles of files, types included", `${circlesIn(graph).length}`],
    [
      "folder arrows that run back up",
      listed(folderCircles(graph).map((circle) => circle.join(" → "))),
    ],
    [
      "folders of src and arrows between them",
      `${wings.size} and ${[...wings.values()].reduce((sum, { size }) => sum + size, 0)}`,
    ],
    [`functions over 70 / over ${linesMax} lines`, `${over(70)} / ${over(linesMax)}`],
    [
      "longest functions",
      functions
        .slice(0, 3)
        .map(({ name, lines }) => `${lines} ${name}`)
        .join(", "),
    ],
    ["exports that only tests use", namesOf(exports)],
    ["port methods that only tests use", namesOf(methods)],
    ["SQL statements that only tests use", namesOf(statements)],
    ["machines, events and states that only tests use", namesOf(states)],
    ["promises that float and may reject", `${floatsIn(sources).length}`],
  ];
}

/** The figures of the house, as a table for a document. */
export async function figures(root: string): Promise<string> {
  const rows = await rowsOf(readTree(root, trackedFiles(root)));
  return [["figure", "now"], ["---", "---"], ...rows]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(`${await figures(fileURLToPath(new URL("..", import.meta.url)))}\n`);
