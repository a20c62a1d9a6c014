import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { isAtLeast, natsVersionMin } from "../adapters/nats/server.ts";
import { HoldfastError } from "../errors.ts";
import { downloadNatsFromDebian } from "./nats-debian.ts";
import type { Log } from "./process-records.ts";

export interface NatsBinary {
  readonly file: string;
  /** "2.15.1". */
  readonly version: string;
}

/** The program's version, or null when it does not run here. */
function natsVersionOf(file: string): string | null {
  try {
    accessSync(file, constants.X_OK);
  } catch {
    return null;
  }
  const answer = spawnSync(file, ["--version"], { encoding: "utf8" });
  return /v(\d+\.\d+\.\d+\S*)/.exec(answer.stdout ?? "")?.[1] ?? null;
}

/** Keeps obtained programs for every home of this user. */
function cacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache");
  return join(base, "holdfast");
}

function isWritable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function usable(file: string): NatsBinary | null {
  const version = natsVersionOf(file);
  return version !== null && isAtLeast(version, natsVersionMin) ? { file, version } : null;
}

function notFound(reason: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: "NATS_SERVER_NOT_FOUND",
    message: `No nats-server ${natsVersionMin} or newer was found, and none could be obtained: ${reason}.`,
    next: "Install it (macOS: brew install nats-server; Debian and Ubuntu: apt-get install nats-server; elsewhere: your package manager or the release page of nats-io/nats-server on GitHub), or name its file in HOLDFAST_NATS_SERVER, or name a running server in HOLDFAST_NATS_URL.",
    cause,
  });
}

/**
 * Finds nats-server in HOLDFAST_NATS_SERVER, on the PATH, in the home or in the user's cache.
 * Otherwise obtains it from the machine's own Debian mirror, without root, into the cache. Throws
 * NATS_SERVER_NOT_FOUND and NATS_SERVER_UNUSABLE.
 */
export async function findNats({
  home,
  env,
  log,
}: {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
}): Promise<NatsBinary> {
  const named = env["HOLDFAST_NATS_SERVER"];
  if (named) {
    const binary = usable(named);
    if (binary !== null) return binary;
    throw new HoldfastError({
      code: "NATS_SERVER_UNUSABLE",
      message: `HOLDFAST_NATS_SERVER names ${named}, which is no nats-server ${natsVersionMin} or newer that runs here.`,
      next: "Name another file, or unset HOLDFAST_NATS_SERVER to let one be found.",
    });
  }
  const cache = cacheFolder(env);
  const onPath = (env["PATH"] ?? "").split(delimiter).filter((dir) => dir !== "");
  const ownFolder = join(home, "bin");
  for (const dir of [...onPath, ownFolder, cache]) {
    const binary = usable(join(dir, "nats-server"));
    if (binary !== null) return binary;
  }
  try {
    const into = isWritable(cache) ? cache : ownFolder;
    const file = await downloadNatsFromDebian({ into, path: env["PATH"] ?? "", log });
    const binary = usable(file);
    if (binary === null) throw notFound(`the program obtained does not run here (${file})`);
    return binary;
  } catch (cause) {
    if (cause instanceof HoldfastError && cause.code === "NATS_SERVER_NOT_FOUND") throw cause;
    throw notFound(cause instanceof Error ? cause.message : String(cause), cause);
  }
}
