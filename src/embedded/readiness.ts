import { setTimeout as after } from "node:timers/promises";
import { webhookSilent } from "../config/webhook.ts";
import { askNear } from "./near-request.ts";
import type { Log } from "./process-records.ts";

const lookAgainMs = 100;
const looksMax = 600;
const looksUntold = 10;

/**
 * Resolves once the node has taken up its accounts, or when `signal` aborts. After a crash this includes the wait for
 * the predecessor's tokens, up to the take-over wait. Polls, because readiness is served over HTTP
 * without events. An unwell account does not delay readiness: it needs an operator. Neither does a node that is silent
 * for a minute. A webhook channel without its port does, for as long as another program has the port.
 */
export async function untilReady(http: string, log: Log, signal?: AbortSignal): Promise<void> {
  let told: string | null = null;
  let bounded = 0;
  for (let looks = 0; bounded < looksMax && signal?.aborted !== true; looks += 1) {
    const why = await notYet(http);
    if (why === null) return;
    if (!why.startsWith(webhookSilent)) bounded += 1;
    if (looks >= looksUntold && why !== told) {
      log(`waiting: ${why}`);
      told = why;
    }
    await after(lookAgainMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  }
}

async function notYet(http: string): Promise<string | null> {
  try {
    const { status, text } = await askNear(`${http}/readyz`);
    const isWaiting = text.startsWith("starting") || text.startsWith(webhookSilent);
    return status === 503 && isWaiting ? text.trim() : null;
  } catch {
    return "the node does not answer";
  }
}
