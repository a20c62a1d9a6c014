import { errorLine, HoldfastError } from "../../errors.ts";
import { createAnswers } from "../answers.ts";
import type { Finding } from "./check.ts";

/** A remedy that was applied. */
export interface Mended {
  readonly name: string;
  readonly what: string;
  /** null: it worked. */
  readonly error: string | null;
}

/**
 * Says what it will do, asks, and does that alone. One that fails does not keep the others back. Throws NOT_CONFIRMED
 * with nothing done.
 */
export async function mendAll(
  findings: readonly Finding[],
  { tell, agreed }: { tell(line: string): void; readonly agreed: boolean },
): Promise<readonly Mended[]> {
  const fixes = findings.flatMap((one) =>
    one.verdict === "fault" && one.fix !== undefined ? { name: one.name, ...one.fix } : [],
  );
  if (fixes.length === 0) {
    tell("nothing here can be mended without harm");
    return [];
  }
  for (const { name, what } of fixes) tell(`would mend ${name}: ${what}`);
  if (!agreed && !(await confirmed())) throw notSure();
  const mended: Mended[] = [];
  for (const { name, what, mend } of fixes) {
    const error = await mend().then(
      () => null,
      (cause: unknown) => errorLine(cause),
    );
    tell(error === null ? `mended ${name}` : `${name} was not mended: ${error}`);
    mended.push({ name, what, error });
  }
  return mended;
}

async function confirmed(): Promise<boolean> {
  const answers = createAnswers();
  try {
    return await answers.confirm("Do this?");
  } finally {
    answers.close();
  }
}

const notSure = () =>
  new HoldfastError({
    code: "NOT_CONFIRMED",
    message: "Nothing was mended.",
    next: "Say so with: npx holdfast doctor --fix --yes",
  });
