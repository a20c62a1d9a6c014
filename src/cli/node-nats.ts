import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { identityOfCreds, type NatsAccess, natsIdentity } from "../config/nats-access.ts";
import { natsAccessOf, readRunInfo } from "../embedded/run-info.ts";
import { HoldfastError } from "../errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * NATS as the node of this host speaks to it: the operator's own credentials reach neither registers nor streams.
 * Throws NOT_RUNNING and CONFIG_INVALID.
 */
export async function nodeAccess(env: Env): Promise<NatsAccess> {
  const named = env["HOLDFAST_NATS_URL"];
  if (named !== undefined && named !== "") return namedNodeAccess(env, named);
  const home = env["HOLDFAST_HOME"] ?? ".holdfast";
  const run = await readRunInfo(home);
  if (run === null) {
    throw new HoldfastError({
      code: "NOT_RUNNING",
      message: "Nothing runs in this folder.",
      next: "Start it with: npm start, or name a running fleet in HOLDFAST_NATS_URL.",
    });
  }
  const own = join(resolve(home), "nats", "node.creds");
  return existsSync(own) ? { ...identityOfCreds(own), url: run.nats } : natsAccessOf(run, env);
}

/** The same with servers that the environment names. Throws CONFIG_INVALID. */
export function namedNodeAccess(env: Env, url: string): NatsAccess {
  const identity = natsIdentity(env, process.cwd());
  const nodes = env["HOLDFAST_NATS_NODE_CREDS"];
  const credsFile = nodes ? resolve(nodes) : identity.credsFile;
  return { ...identity, credsFile, url };
}
