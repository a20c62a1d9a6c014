import type { Log } from "./process-records.ts";

const lookAgainMs = 100;
const looksMax = 600;

/**
 * Resolves once the node has taken up its accounts. After a crash this includes the wait for the
 * predecessor's tokens, up to the take-over wait. Polls, because readiness is served over HTTP
 * without events. An unwell account does not delay readiness: it needs an operator.
 */
export async function untilAccountsAreTakenUp(http: string, log: Log): Promise<void> {
  for (let look = 0; look < looksMax; look += 1) {
    const why = await notYet(http);
    if (why === null) return;
    if (look === looksMax / 60) log(`waiting: ${why}`);
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
  }
}

async function notYet(http: string): Promise<string | null> {
  try {
    const response = await fetch(`${http}/readyz`);
    const text = await response.text();
    return response.status === 503 && text.startsWith("starting") ? text.trim() : null;
  } catch {
    return "the node does not answer";
  }
}
