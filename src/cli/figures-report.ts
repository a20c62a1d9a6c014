import type { ReadFigures } from "./fleet-figures.ts";
import { cut, table } from "./table.ts";
import { type FigureLine, figureLines, type Verdict, worstOf } from "./verdicts.ts";

/** `holdfast metrics --json`, as docs/metrics.md states it. */
export interface FiguresJson {
  readonly verdict: Verdict;
  readonly since: string | null;
  readonly hosts: Pick<ReadFigures, "answered" | "silent">;
  readonly figures: readonly FigureLine[];
}

export function figuresJson(figures: ReadFigures): FiguresJson {
  const lines = figureLines(figures);
  const { since, answered, silent } = figures;
  return { verdict: worstOf(lines), since, hosts: { answered, silent }, figures: lines };
}

const heading: Readonly<Record<Verdict, string>> = {
  ok: "All is well.",
  unknown: "Some figures are not known.",
  warning: "There are warnings.",
  critical: "Something is critical.",
};

/** The report for a person. `columns`: of the screen; null: nothing is cut. */
export function figuresText(
  { verdict, since, hosts, figures }: FiguresJson,
  columns: number | null,
): string {
  const groups = [...new Set(figures.map(({ group }) => group))];
  const rows = groups.flatMap((of) => [
    [of, "", "", ""],
    ...figures
      .filter(({ group }) => group === of)
      .map(({ name, shown, target, verdict: one }) => [`  ${name}`, one, shown, target]),
  ]);
  const heads = ["FIGURE", "VERDICT", "VALUE", "TARGET"];
  const nexts = Object.entries(Object.groupBy(figures, ({ next }) => next ?? ""))
    .filter(([next]) => next !== "")
    .map(([next, of]) => `  ${next}   (${of?.map(({ name }) => name).join(", ")})`);
  return [
    `${heading[verdict]}${since === null ? "" : ` Counted since ${since}.`}`,
    ...hosts.silent.map(({ host, why }) => `${host} is not in these figures: ${why}.`),
    "",
    table([heads, ...rows], columns),
    ...(nexts.length === 0 ? [] : ["", "Next:", ...nexts.map((line) => cut(line, columns))]),
  ].join("\n");
}
