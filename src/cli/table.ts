import { withoutControls } from "./print.ts";

/** Columns of the terminal that the output goes to; null where it goes to a file or a pipe. */
export const screenColumns = (): number | null =>
  process.stdout.isTTY && process.stdout.columns > 0 ? process.stdout.columns : null;

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
/** Signs that take two columns, as most terminals show them. */
const wide =
  /\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|[\uff01-\uff60]|\ufe0f/u;
const gap = "  ";

/**
 * Lines of text, the cells of each column below each other. Each row has as many cells as the first. The last column
 * is cut to the screen; a screen that is narrower than the others cuts the whole line.
 * @param columns of the screen; null: nothing is cut
 */
export function table(
  rows: readonly (readonly string[])[],
  columns: number | null = screenColumns(),
): string {
  const cells = rows.map((row) => row.map(oneLine));
  const widths = (cells[0] ?? []).map((_, at) =>
    Math.max(...cells.map((row) => widthOf(row[at] ?? ""))),
  );
  return cells
    .map((row) => row.map((cell, at) => padded(cell, widths[at] ?? 0)).join(gap))
    .map((line) => cut(line.trimEnd(), columns))
    .join("\n");
}

/** A line that fits into so many columns; null: as it is. */
export function cut(line: string, columns: number | null): string {
  if (columns === null || widthOf(line) <= columns) return line;
  let kept = "";
  let width = 0;
  for (const { segment } of graphemes.segment(line)) {
    width += widthOf(segment);
    // One column is for the sign of the cut.
    if (width > columns - 1) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

const oneLine = (cell: string): string => withoutControls(cell.replaceAll(/[\n\t]+/g, " "));

const padded = (cell: string, width: number): string =>
  `${cell}${" ".repeat(width - widthOf(cell))}`;

/** The columns that a text takes on a terminal. */
function widthOf(text: string): number {
  // Most cells are plain: one column a sign.
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}
