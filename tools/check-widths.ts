import type { Found } from "./pending.ts";
import { lineAt } from "./source-text.ts";
import type { SourceTree } from "./source-tree.ts";

/** Columns of a line that carries a comment; the formatter sees to the code. */
const columnsMax = 120;

/** Comments wider than 120 columns; a line that is one long word, an address say, cannot be broken. */
export function checkWidths(tree: SourceTree): readonly Found[] {
  return [...tree].flatMap(([file, { comments }]) =>
    [...comments.matchAll(/^.*$/gm)]
      .filter(([line]) => line.trimEnd().length > columnsMax && /\S\s+\S+\s+\S/.test(line))
      .map(({ index }) => ({
        name: file,
        breach: `${file}:${lineAt(comments, index)}: a comment of more than ${columnsMax} columns; break the line`,
      })),
  );
}
