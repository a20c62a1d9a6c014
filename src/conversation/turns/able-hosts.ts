import type { FleetMembers } from "../../custody/fleet-members.ts";

/**
 * The hosts that may own turns: those with settings for every channel that any serving host has. Where no host has
 * all of them, every serving one may.
 */
export function ableHosts(members: Pick<FleetMembers, "serving" | "leases">): readonly string[] {
  const serving = members.serving();
  const leases = members.leases().filter(({ key }) => serving.includes(key));
  const all = new Set(leases.flatMap(channelsOf));
  const able = leases.filter((lease) => new Set(channelsOf(lease)).size === all.size);
  return able.length === 0 ? serving : able.map(({ key }) => key).toSorted();
}

/** As far as it is one: the value came from NATS. */
function channelsOf({ channels }: { readonly channels?: unknown }): readonly string[] {
  return Array.isArray(channels) ? channels.filter((name) => typeof name === "string") : [];
}
