import { readAddress } from "../inputs/address.ts";
import type { Fault } from "./faults.ts";
import type { Profile } from "./timings.ts";

export interface SharedServers {
  readonly databaseUrl: string | null;
  readonly natsUrl: string | null;
  /** null: the variable is not set. */
  readonly profile: Profile | null;
}

const localNames: ReadonlySet<string> = new Set(["", "localhost", "127.0.0.1", "::1"]);

/** True where a connection would cross a network, and its URL does not say how it is protected. */
function isBareAndRemote(databaseUrl: string): boolean {
  const read = readAddress(databaseUrl, "postgres");
  if ("why" in read) return false;
  const query = new URLSearchParams(/\?(.*)/.exec(read.value.rest)?.[1] ?? "");
  const host = query.get("host") ?? read.value.host;
  if (localNames.has(host) || host.startsWith("/")) return false;
  return !query.has("sslmode") && !query.has("ssl");
}

/**
 * What servers that a fleet shares ask of each host: a profile that was said aloud, as all hosts must have the same
 * times, and in production no database in the clear unless its URL says so.
 */
export function sharedServerFaults({
  databaseUrl,
  natsUrl,
  profile,
}: SharedServers): readonly Fault[] {
  const faults: Fault[] = [];
  if (databaseUrl !== null && natsUrl !== null && profile === null)
    faults.push({
      variable: "HOLDFAST_PROFILE",
      problem:
        "is unset, though HOLDFAST_DATABASE_URL and HOLDFAST_NATS_URL name a fleet's servers, and all its hosts must have the same times.",
      remedy: "Set it to production, or on every host to development.",
    });
  if (profile === "production" && databaseUrl !== null && isBareAndRemote(databaseUrl))
    faults.push({
      variable: "HOLDFAST_DATABASE_URL",
      problem: "names a remote server and does not say whether TLS protects it.",
      remedy: "Add ?sslmode=verify-full, or ?sslmode=disable on a network that you trust.",
    });
  return faults;
}
