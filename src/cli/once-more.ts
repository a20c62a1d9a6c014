import { HoldfastError } from "../errors.ts";
import type { AskOptions } from "./ask.ts";

/** A node that hangs may have got the question; the next one asked is another, or its successor. */
const firstMsMax = 2_000;

/** Asks what changes nothing, and once more where no node answered. Throws as `ask` does. */
export async function onceMore<Answer>(
  options: AskOptions,
  ask: (options: AskOptions) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await ask({ ...options, timeoutMs: firstMsMax });
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "NODE_UNAVAILABLE") throw error;
    return ask(options);
  }
}
