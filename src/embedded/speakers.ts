import { readFileSync } from "node:fs";
import { readCreds } from "../adapters/nats/broker-keys.ts";
import type { Config } from "../config/config.ts";
import type { Parts } from "./parts.ts";

/**
 * What a gate and its node are told of those who ask: the operators' keys, and that the embedded server, whose
 * accounts name everyone, leaves no one unnamed but them.
 */
export function speakersEnvironment(
  { operators, natsCreds }: Pick<Config, "operators" | "natsCreds">,
  { nats }: Pick<Parts, "nats">,
): NodeJS.ProcessEnv {
  const own = nats?.operatorKey ?? keyIn(natsCreds.operator);
  const all = [...operators, ...(own === null ? [] : [own])];
  return {
    ...(all.length === 0 ? {} : { HOLDFAST_OPERATORS: all.join(",") }),
    ...(nats === null ? {} : { HOLDFAST_UNNAMED_ROLE: "none" }),
  };
}

/** null also for a file that holds none: the first connection by it says so. */
function keyIn(file: string | null): string | null {
  if (file === null) return null;
  try {
    return readCreds(readFileSync(file, "utf8"))?.publicKey ?? null;
  } catch {
    return null;
  }
}
