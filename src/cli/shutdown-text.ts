import type { ShutdownReport } from "./shutdown.ts";
import { sweepText } from "./sweep-report.ts";

const marks = new Map<boolean | null, string>([
  [true, "well"],
  [false, "WRONG"],
  [null, "unknown"],
]);

/** For a person: what was verified, what was swept and kept, how it stands, and what to do next. */
export function shutdownText({
  home,
  stopped,
  verified,
  sweep,
  health,
  next,
}: ShutdownReport): string {
  return [
    stopped ? `The service of ${home} is stopped.` : `Nothing ran in ${home}.`,
    "",
    "Verified:",
    ...aligned(verified.map(({ what, well, text }) => [what, marks.get(well)!, text])),
    "",
    sweepText(sweep),
    "",
    "Health:",
    ...aligned(health.map(({ what, well, text }) => [what, marks.get(well)!, text])),
    "",
    "Next:",
    ...next.map((step) => `  ${step}`),
  ].join("\n");
}

function aligned(rows: readonly (readonly [string, string, string])[]): readonly string[] {
  const width = (column: 0 | 1) => Math.max(0, ...rows.map((row) => row[column].length));
  const [first, second] = [width(0), width(1)];
  return rows.map(
    ([what, mark, text]) => `  ${what.padEnd(first)}  ${mark.padEnd(second)}  ${text}`,
  );
}
