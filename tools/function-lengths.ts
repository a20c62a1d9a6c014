import { lineAt } from "./source-text.ts";
import type { SourceTree } from "./source-tree.ts";

/** A function at the top of a file, with all that is written in it. */
export interface MeasuredFunction {
  readonly file: string;
  readonly name: string;
  /** From 1. */
  readonly line: number;
  /** From its first line to its last. */
  readonly lines: number;
}

const head =
  /^(?:export\s+)?(?:async\s+)?(?:function\*?\s+(?<name>\w+)|const\s+(?<arrow>\w+)[^=;]*=\s*(?:async\s*)?(?:<[^>]*>\s*)?\()/gm;

/** A closing bracket in the first column, unless the body begins there. */
const closingLine = /(?<=\n)[})](?![^\n]*(?:[{(,:]|=>)\n)/;
/** The first column of the next line that is not inside this one. */
const nextDefinition = /(?<=\n)[^\s})]/;

/** Functions at the top of the files of a tree; the formatter closes each in the first column. */
export function functionsIn(tree: SourceTree): readonly MeasuredFunction[] {
  return [...tree].flatMap(([file, { bare }]) =>
    [...bare.matchAll(head)].map(({ groups, index }) => {
      const rest = bare.slice(index);
      const end = rest.search(closingLine);
      const next = rest.search(nextDefinition);
      const stops = [end === -1 ? rest.length : end, next === -1 ? rest.length : next - 2];
      const stop = Math.max(0, Math.min(...stops));
      const line = lineAt(bare, index);
      return {
        file,
        name: groups?.["name"] ?? groups?.["arrow"] ?? "",
        line,
        lines: lineAt(bare, index + stop) - line + 1,
      };
    }),
  );
}
