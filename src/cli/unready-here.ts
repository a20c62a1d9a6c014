import { readRunInfo } from "../embedded/run-info.ts";

const answerMsMax = 2_000;

/** Why the host that runs in this home does not serve as a whole, in one line; null: it does, or none runs here. */
export async function unreadyHere(home: string): Promise<string | null> {
  const run = await readRunInfo(home);
  if (run === null) return null;
  try {
    const signal = AbortSignal.timeout(answerMsMax);
    const answer = await fetch(new URL("/readyz", run.console), { signal });
    const text = (await answer.text()).trim();
    return answer.status === 503 ? text : null;
  } catch {
    // A node that does not answer is told by whoever asks it more.
    return null;
  }
}
