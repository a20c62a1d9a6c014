import { askNear } from "../embedded/near-request.ts";
import { readRunInfo } from "../embedded/run-info.ts";

const answerMsMax = 2_000;

/** Why the host that runs in this home does not serve as a whole, in one line; null: it does, or none runs here. */
export async function unreadyHere(home: string): Promise<string | null> {
  const run = await readRunInfo(home);
  if (run === null) return null;
  try {
    const signal = AbortSignal.timeout(answerMsMax);
    const { status, text } = await askNear(new URL("/readyz", run.console), { signal });
    return status === 503 ? text.trim() : null;
  } catch {
    // A node that does not answer is told by whoever asks it more.
    return null;
  }
}
