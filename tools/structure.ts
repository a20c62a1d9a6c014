import { checkCircles } from "./check-circles.ts";
import { checkExports } from "./check-exports.ts";
import { checkFloats } from "./check-floats.ts";
import { checkLengths } from "./check-lengths.ts";
import { checkPorts } from "./check-ports.ts";
import { checkScreen } from "./check-screen.ts";
import { checkStatements } from "./check-statements.ts";
import { checkStates, eventsIn } from "./check-states.ts";
import { checkWidths } from "./check-widths.ts";
import { loadMachines } from "./load-machines.ts";
import { beyond, type Found, pending } from "./pending.ts";
import { readTree, type SourceTree } from "./source-tree.ts";

/** A check that reads the sources, all of them at once. */
export interface StructureCheck {
  readonly name: string;
  /** The breaches that it refuses, for `--help`. */
  readonly refuses: string;
  /** Breaches, one line each. */
  readonly run: () => Promise<readonly string[]>;
  /** The page to read when it fails. */
  readonly remedy: string;
}

/** The findings of the checks in a tree, known breaches included. */
export async function structureOf(tree: SourceTree) {
  const states = checkStates(tree, await loadMachines());
  const methods = checkPorts(tree);
  const statements = checkStatements(tree, {
    methods: methods.map(({ name }) => name.slice(name.indexOf(".") + 1)),
    events: eventsIn(states),
  });
  return { states, methods, statements, exports: checkExports(tree) };
}

/** The checks of structure over the files of a repository; the first one to run reads the files. */
export function structureChecks(root: string, files: readonly string[]): readonly StructureCheck[] {
  let read: SourceTree | undefined;
  const tree = () => (read ??= readTree(root, files));
  let judged: ReturnType<typeof structureOf> | undefined;
  const structure = () => (judged ??= structureOf(tree()));

  const ofFound = (
    name: keyof typeof pending,
    refuses: string,
    find: () => readonly Found[] | Promise<readonly Found[]>,
  ): StructureCheck => ({
    name,
    refuses,
    run: async () => beyond(await find(), pending[name]),
    remedy: `tools/check-${name}.ts for the rule, tools/pending.ts for what is known`,
  });
  const ofLines = (
    name: string,
    refuses: string,
    find: (of: SourceTree) => readonly string[],
  ): StructureCheck => ({
    name,
    refuses,
    run: () => Promise.resolve(find(tree())),
    remedy: `tools/check-${name}.ts for the rule, tools/ratchets.ts for what is known`,
  });

  return [
    ofFound("circles", "files, or folders side by side, that import each other in a circle", () =>
      checkCircles(tree()),
    ),
    ofFound("exports", "exports that only tests import", async () => (await structure()).exports),
    ofFound(
      "ports",
      "methods of ports that no program calls",
      async () => (await structure()).methods,
    ),
    ofFound("statements", "SQL that no program sends", async () => (await structure()).statements),
    ofFound(
      "states",
      "machines, events and states that no program comes to",
      async () => (await structure()).states,
    ),
    ofFound("widths", "comments of more than 120 columns", () => checkWidths(tree())),
    ofLines("lengths", "functions over 120 lines beyond those known", checkLengths),
    {
      name: "screen",
      refuses: "commands that write to the screen past src/cli/print.ts",
      run: () => Promise.resolve(checkScreen(tree())),
      remedy: "tools/check-screen.ts for the rule",
    },
    ofLines("floats", "promises that float although they may reject", checkFloats),
  ];
}
