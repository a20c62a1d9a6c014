import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type NatsAccess, natsIdentity } from "../config/nats-access.ts";
import { HoldfastError } from "../errors.ts";

/** The addresses that a running `holdfast start` writes to `run.json` in its home folder. */
export interface RunInfo {
  readonly metrics: string;
  readonly console: string;
  readonly nats: string;
  /** The file of the operator's credentials; null where NATS lies outside and none is configured. */
  readonly natsCreds: string | null;
  readonly database: string;
  readonly telegram: string;
  readonly telegramControl: string | null;
  /** The bearer token of `telegramControl`. */
  readonly telegramControlToken: string | null;
  /** The bearer token of `console` and of the status beside it. */
  readonly consoleToken: string;
  readonly pids: Readonly<Record<string, number>>;
}

/**
 * NATS as a running `holdfast start` names it. The environment's own credentials come first: a caller's, beside the
 * operator's.
 */
export function natsAccessOf(
  { nats, natsCreds }: Pick<RunInfo, "nats" | "natsCreds">,
  env: Readonly<Record<string, string | undefined>>,
): NatsAccess {
  const identity = natsIdentity(env, process.cwd());
  const { credsFile, nkeyFile, user } = identity;
  const isNamed = credsFile !== null || nkeyFile !== null || user !== null;
  return { ...identity, credsFile: isNamed ? credsFile : natsCreds, url: nats };
}

/** null when nothing runs in that home folder. Throws RUN_INFO_BROKEN for a damaged file. */
export async function readRunInfo(home: string): Promise<RunInfo | null> {
  const path = join(home, "run.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    return null;
  }
  try {
    return JSON.parse(text) as RunInfo;
  } catch (cause) {
    throw new HoldfastError({
      code: "RUN_INFO_BROKEN",
      message: `${path} is not JSON.`,
      next: "Stop holdfast, remove the file, and start again: npm start",
      cause,
    });
  }
}
