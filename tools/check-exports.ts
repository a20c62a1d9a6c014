import { exportsOf, usersIn } from "./module-names.ts";
import type { Found } from "./pending.ts";
import { isNoTest, type SourceTree } from "./source-tree.ts";

/** What the package exports and what `bin/` runs by name: nothing in the repository imports them. */
const surface: ReadonlySet<string> = new Set([
  "src/bot.ts",
  "src/testing.ts",
  "src/main/cli.ts",
  "src/telegram-dc/program.ts",
]);

/**
 * Parts of a larger function that production runs inside their file, and that a spec calls
 * directly.
 */
export const seams: Readonly<Record<string, string>> = {
  afterQuiet: "a table of hours is read more easily than the times that follow from it",
  digestOf: "a spec plays the judge of a journal, who counts the same digests",
  mirrorsIn: "a text of Debian's is read without a Debian around it",
  noticeOf: "the choice of events is told apart from the ways to send",
  parseReference: "any text may come back from a button; it is tried with thousands",
  streamOf: "a spec looks into the broker at the stream of one partition",
  waitUntilGone: "a spec starts processes and needs to know that each is gone",
};

/**
 * Exports of `src` and `machines` without an import, or imported by tests only. A type that its own
 * file uses may be exported for its signatures; a value only where `seams` gives the reason.
 */
export function checkExports(
  tree: SourceTree,
  allowed: Readonly<Record<string, string>> = seams,
): readonly Found[] {
  const users = usersIn(tree);
  return [...tree]
    .filter(([file]) => /^(?:src|machines)\//.test(file) && !surface.has(file))
    .flatMap(([file, source]) =>
      exportsOf(source)
        .filter(({ name }) => !users(file, name).some(isNoTest))
        .filter(({ isType, isUsedInFile }) => !(isType && isUsedInFile))
        .filter(({ name, isUsedInFile }) => !(isUsedInFile && Object.hasOwn(allowed, name)))
        .map(({ name, line, isUsedInFile }) => ({
          name,
          breach: `${file}:${line}: ${users(file, name).length === 0 ? "nothing imports" : "only tests import"} ${name}; ${isUsedInFile ? "keep it inside the file" : "delete it"}`,
        })),
    );
}
