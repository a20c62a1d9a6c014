import type { Log } from "./process-records.ts";

const lookAgainMs = 100;
const looksMax = 600;

/**
 * Resolves once the node has taken up its accounts. After a crash it first waits until the tokens of its
 * predecessor may be taken, up to the take-over wait. It asks again and again because readiness is served
 * over HTTP, which tells of no change. An account that is unwell is no reason to wait: an operator has to see it.
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
