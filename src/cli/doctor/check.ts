import type { Clock } from "../../concurrency/clock.ts";
import { within } from "../../concurrency/wait.ts";
import { errorLine, HoldfastError } from "../../errors.ts";

/** A remedy that harms nothing, whenever it is applied. */
export interface Fix {
  /** What it will do, for a person to agree to. */
  readonly what: string;
  mend(): Promise<void>;
}

/** What a check has found. `next`: a command or an act. */
export type Verdict =
  | { readonly verdict: "ok"; readonly what: string }
  | {
      readonly verdict: "fault";
      readonly what: string;
      readonly why: string;
      readonly next: string;
      readonly fix?: Fix;
    }
  | { readonly verdict: "unknown"; readonly why: string; readonly next: string };

/** One independent question. What `look` throws makes its answer unknown. */
export interface Check {
  readonly name: string;
  look(): Promise<Verdict>;
}

export type Finding = Verdict & { readonly name: string };

export const ok = (what: string): Verdict => ({ verdict: "ok", what });
export const fault = (what: string, why: string, next: string, fix?: Fix): Verdict => ({
  verdict: "fault",
  what,
  why,
  next,
  ...(fix !== undefined && { fix }),
});
export const unknown = (why: string, next: string): Verdict => ({ verdict: "unknown", why, next });

const notRunning = "NOT_RUNNING";

/** The fault that a start would be refused with. Anything else is thrown on, and that nothing runs here. */
export function refusedWith(error: unknown): Verdict {
  if (!(error instanceof HoldfastError) || error.code === notRunning) throw error;
  const { message, code, next = "npx holdfast start" } = error;
  return fault(withoutStop(message), `a start is refused with ${code}`, next);
}

/** A check whose one question is whether a start would be refused: `refuse` throws, or says what is well. */
export async function unlessRefused(refuse: () => Promise<string> | string): Promise<Verdict> {
  try {
    return ok(await refuse());
  } catch (error) {
    return refusedWith(error);
  }
}

function thrown(error: unknown): Verdict {
  if (!(error instanceof HoldfastError))
    return unknown(withoutStop(errorLine(error)), "npx holdfast logs");
  if (error.code === notRunning)
    return unknown("nothing runs in this folder, and no server is named", "npx holdfast start");
  return unknown(withoutStop(error.message), error.next ?? "npx holdfast logs");
}

/** Runs the checks beside each other, each at most so long; the findings stand in the order of the checks. */
export function runChecks(
  checks: readonly Check[],
  { clock, boundMs }: { readonly clock: Pick<Clock, "schedule">; readonly boundMs: number },
): Promise<readonly Finding[]> {
  const late = (): Verdict =>
    unknown(`it was not answered within ${boundMs / 1000} s`, "npx holdfast doctor");
  return Promise.all(
    checks.map(async ({ name, look }) => {
      const looked = Promise.resolve()
        .then(() => look())
        .catch(thrown);
      return { name, ...(await within(clock, boundMs, looked, late)) };
    }),
  );
}

/** 0 when everything is well. What is not known is not well. */
export const exitCodeOf = (findings: readonly Finding[]): number =>
  findings.every(({ verdict }) => verdict === "ok") ? 0 : 1;

const marks = { ok: "✔", fault: "✘", unknown: "?" } as const;

/** One line of a finding. */
export function findingLine(finding: Finding): string {
  const head = `${marks[finding.verdict]} ${finding.name.padEnd(nameWidth)}`;
  if (finding.verdict === "ok") return `${head} ${finding.what}`;
  const said =
    finding.verdict === "fault" ? `${finding.what}: ${finding.why}` : `not known: ${finding.why}`;
  return `${head} ${said.replaceAll(/\s*\n\s*/g, " ")}. Next: ${finding.next}`;
}

const nameWidth = 12;

export function summaryLine(findings: readonly Finding[]): string {
  const count = (verdict: Finding["verdict"]) =>
    findings.filter((one) => one.verdict === verdict).length;
  return `${findings.length} checks: ${count("ok")} ok, ${count("fault")} faults, ${count("unknown")} not known`;
}

/** The shape of `--json`. */
export const findingJson = (finding: Finding) => ({
  name: finding.name,
  verdict: finding.verdict,
  what: finding.verdict === "unknown" ? null : finding.what,
  why: finding.verdict === "ok" ? null : finding.why,
  next: finding.verdict === "ok" ? null : finding.next,
  fix: finding.verdict === "fault" ? (finding.fix?.what ?? null) : null,
});

const withoutStop = (text: string): string => text.replace(/\.\s*$/, "");
