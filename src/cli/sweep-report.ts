import type { Preserved, Swept, SweepPart, SweptKind } from "../ports/hygiene.ts";
import { sweptKinds } from "../ports/hygiene.ts";

/** What of one kind was removed, or would be. */
export interface KindReport {
  readonly kind: SweptKind;
  readonly count: number;
  readonly bytes: number;
  /** By name, with the count where one name stands for several. */
  readonly names: readonly string[];
}

/** As `--json` prints it. */
export interface SweepReport {
  readonly home: string;
  readonly dryRun: boolean;
  readonly removed: readonly KindReport[];
  readonly total: { readonly count: number; readonly bytes: number };
  readonly preserved: readonly Preserved[];
}

export function sweepReport(
  home: string,
  dryRun: boolean,
  parts: readonly SweepPart[],
): SweepReport {
  const swept = parts.flatMap((part) => part.swept);
  const removed = sweptKinds.map((kind) => kindReport(kind, swept));
  return {
    home,
    dryRun,
    removed,
    total: {
      count: removed.reduce((sum, { count }) => sum + count, 0),
      bytes: removed.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    preserved: parts.flatMap((part) => part.preserved),
  };
}

function kindReport(kind: SweptKind, swept: readonly Swept[]): KindReport {
  const mine = swept.filter((one) => one.kind === kind);
  return {
    kind,
    count: mine.reduce((sum, { count }) => sum + count, 0),
    bytes: mine.reduce((sum, { bytes }) => sum + bytes, 0),
    names: mine.map(({ name, count }) => (count === 1 ? name : `${count} ${name}`)),
  };
}

const titles: Readonly<Record<SweptKind, string>> = {
  locks: "stale locks",
  processes: "process and run files",
  sockets: "sockets",
  temporary: "temporary files",
  logs: "old logs",
  cache: "cache and results",
  sessions: "expired sessions",
};

/** Names of one kind that are told one by one. */
const namesMax = 2;

/** For a person: what went, kind by kind, then what stays and why. */
export function sweepText({ home, dryRun, removed, total, preserved }: SweepReport): string {
  const verb = dryRun ? "would go" : "removed";
  const rows = [...removed.map(rowOf), ["total", String(total.count), size(total.bytes), ""]];
  const why = widthOf(preserved.map(({ name }) => name));
  return [
    `${dryRun ? "What a sweep would remove from" : "Swept"} ${home}`,
    ...aligned([["", verb, "bytes", ""], ...rows]),
    "",
    "Preserved:",
    ...preserved.map(({ name, why: reason }) => `  ${name.padEnd(why)}  ${reason}`),
  ].join("\n");
}

function rowOf({ kind, count, bytes, names }: KindReport): string[] {
  const told = names.slice(0, namesMax).join(", ");
  const more = names.length > namesMax ? `, and ${names.length - namesMax} more` : "";
  return [titles[kind], String(count), size(bytes), `${told}${more}`];
}

const nameWidthMax = 44;
const widthOf = (texts: readonly string[]): number =>
  Math.min(nameWidthMax, Math.max(0, ...texts.map((text) => text.length)));

/** The first and the last column begin at the left, the figures end at the right. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]!.length));
  const [first, second, third] = [width(0), width(1), width(2)];
  return rows.map(([title, count, bytes, names]) =>
    `  ${title!.padEnd(first)}  ${count!.padStart(second)}  ${bytes!.padStart(third)}  ${names}`.trimEnd(),
  );
}

const units = ["B", "kB", "MB", "GB"] as const;

/** `0 B`, `112 B`, `83.9 MB`: powers of a thousand. */
export function size(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
