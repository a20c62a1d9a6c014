import type { FleetMembers } from "../../custody/fleet-members.ts";

/**
 * The hosts that may own turns: those with settings for every channel that any serving host has. A host of a version
 * that does not say it may too: it places partitions over all hosts itself. Where no host may, every serving one may.
 */
export function ableHosts(members: Pick<FleetMembers, "serving" | "leases">): readonly string[] {
  const serving = members.serving();
  const hosts = members
    .leases()
    .filter(({ key }) => serving.includes(key))
    .map(({ key, channels }) => ({ key, channels: namesIn(channels) }));
  const all = new Set(hosts.flatMap(({ channels }) => channels ?? []));
  const able = hosts.filter(({ channels }) => channels === null || channels.length === all.size);
  return able.length === 0 ? serving : able.map(({ key }) => key).toSorted();
}

/** Each once, as far as they are names: the value came from NATS. */
function namesIn(channels: unknown): readonly string[] | null {
  if (!Array.isArray(channels)) return null;
  return [...new Set(channels.filter((name) => typeof name === "string"))];
}
