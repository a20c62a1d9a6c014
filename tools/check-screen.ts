import { lineAt } from "./source-text.ts";
import type { SourceTree } from "./source-tree.ts";

/** The one file that writes to the operator's screen. */
const screen = "src/cli/print.ts";
const direct = /\b(?:stdout|stderr)\s*\.\s*write\b|\bconsole\s*\.\s*\w+\s*\(/g;

const isCommand = (file: string): boolean =>
  (file.startsWith("src/cli/") || file === "src/main/cli.ts") && file !== screen;

/** One line for each place of a command that writes to the screen past `src/cli/print.ts`. */
export function checkScreen(tree: SourceTree): readonly string[] {
  return [...tree]
    .filter(([file]) => isCommand(file))
    .flatMap(([file, { bare }]) =>
      [...bare.matchAll(direct)].map(
        ({ index, 0: found }) =>
          `${file}:${lineAt(bare, index)}: ${found} shows what a chat may have written as it is; use print of ${screen}`,
      ),
    );
}
