import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CopiedEntry } from "../../adapters/nats/register-copy.ts";
import { isAtLeast } from "../../adapters/nats/server.ts";
import type { StreamFacts } from "../../adapters/nats/stream-facts.ts";
import { type Check, fault, ok, refusedWith } from "./check.ts";

/** What the checks want to know of NATS. Each question throws where it does not answer. */
export interface NatsQuestions {
  /** Connects as a node does, and refuses an old server as a start does. */
  version(): Promise<string>;
  /** null: no host has made it. */
  register(bucket: "HOLDFAST_HOSTS" | "HOLDFAST_FLOORS"): Promise<readonly CopiedEntry[] | null>;
  streams(): Promise<readonly StreamFacts[]>;
  /** Copies of data that these servers should keep. */
  replicas(): Promise<number>;
}

/** The time of a lease's writing is the server's, and this machine's may be a little off. */
const skewMs = 2000;

export const nats = ({ version }: NatsQuestions): Check => ({
  name: "nats",
  async look() {
    try {
      return ok(`nats-server ${await version()} answers`);
    } catch (error) {
      return refusedWith(error);
    }
  },
});

interface Lease {
  readonly status: "live" | "released" | "revoked";
  readonly incarnation: string;
}

function leaseOf(value: unknown): Lease | null {
  const { status, incarnation } = (value ?? {}) as Partial<Lease>;
  if (typeof incarnation !== "string") return null;
  if (status !== "live" && status !== "released" && status !== "revoked") return null;
  return { status, incarnation };
}

/**
 * Each host that is taken for live renews its lease.
 * @param live incarnations that the database takes for running
 */
export const leases = (
  { register }: NatsQuestions,
  live: () => Promise<readonly { readonly incarnation: string; readonly host: string }[]>,
  { now, suspectMs }: { now(): number; readonly suspectMs: number },
): Check => ({
  name: "leases",
  async look() {
    const [entries, recorded] = await Promise.all([register("HOLDFAST_HOSTS"), live()]);
    const standing = (entries ?? []).flatMap(({ key, value, atMs }) => {
      const lease = leaseOf(value);
      return lease?.status === "live" ? { key, atMs, incarnation: lease.incarnation } : [];
    });
    const silent = standing.filter(({ atMs }) => now() - atMs > suspectMs + skewMs);
    const next = "See which host holds what: npx holdfast who, then start that host or another one";
    if (silent.length > 0) {
      const names = silent.map(
        ({ key, atMs }) => `${key} for ${Math.round((now() - atMs) / 1000)} s`,
      );
      return fault(
        `no beat of ${names.join(", ")}`,
        "its accounts wait until another host takes over",
        next,
      );
    }
    const lost = recorded.filter(
      ({ incarnation }) => !standing.some((one) => one.incarnation === incarnation),
    );
    if (lost.length > 0)
      return fault(
        `the database takes ${[...new Set(lost.map(({ host }) => host))].join(", ")} for running, and no lease of it stands`,
        "its accounts wait until a host takes over",
        next,
      );
    return ok(`${standing.length} hosts renew their leases`);
  },
});

/** Values that no host could read stop grants: nobody knows whose epoch stood there. */
export const registers = ({ register }: NatsQuestions): Check => ({
  name: "registers",
  async look() {
    const [hosts, floors] = await Promise.all([
      register("HOLDFAST_HOSTS"),
      register("HOLDFAST_FLOORS"),
    ]);
    const isFloor = (value: unknown) =>
      Number.isSafeInteger(((value ?? {}) as { epoch?: unknown }).epoch);
    const broken = [
      ...(hosts ?? []).filter(({ value }) => leaseOf(value) === null).map(named("HOLDFAST_HOSTS")),
      ...(floors ?? []).filter(({ value }) => !isFloor(value)).map(named("HOLDFAST_FLOORS")),
    ];
    const [first] = broken;
    if (first === undefined)
      return ok(`${hosts?.length ?? 0} leases and ${floors?.length ?? 0} floors can be read`);
    return fault(
      `not readable: ${broken.join(", ")}`,
      "nothing is granted above an epoch that is not known",
      `Stop every host, wait for T_take, then: nats kv del ${first}`,
    );
  },
});

const named =
  (bucket: string) =>
  ({ key }: CopiedEntry): string =>
    `${bucket} ${key}`;

/** Streams and registers are on disk, on as many servers as there should be, and synced. */
export const streams = (
  { streams: read, replicas, version }: NatsQuestions,
  home: string,
): Check => ({
  name: "streams",
  async look() {
    const [found, wanted, server] = await Promise.all([read(), replicas(), version()]);
    const few = found.filter((one) => one.replicas < wanted);
    if (few.length > 0)
      return fault(
        `fewer than ${wanted} replicas: ${few.map(({ name }) => name).join(", ")}`,
        "the loss of one server loses what it acknowledged",
        few.map(({ name }) => `nats stream edit ${name} --replicas ${wanted}`).join(" && "),
      );
    const inMemory = found.filter(({ onDisk }) => !onDisk);
    if (inMemory.length > 0)
      return fault(
        `in memory alone: ${inMemory.map(({ name }) => name).join(", ")}`,
        "a restart of the server loses them",
        `When no message waits: ${inMemory.map(({ name }) => `nats stream rm ${name}`).join(" && ")}, then start a host`,
      );
    const lagging = found.filter((one) => one.lagging > 0);
    if (lagging.length > 0)
      return fault(
        `replicas are away or behind: ${lagging.map(({ name }) => name).join(", ")}`,
        "one more loss stops the fleet",
        "nats server list, then start the server that is missing",
      );
    const conf = join(home, "nats", "nats.conf");
    if (!existsSync(conf))
      return ok(`${found.length} on disk, ${wanted} of each; how servers outside sync is not seen`);
    const syncs = /sync_interval:\s*always/.test(readFileSync(conf, "utf8"));
    if (syncs || !isAtLeast(server, "2.10.0")) return ok(`${found.length} on disk`);
    return fault(
      `${conf} does not say sync_interval: always`,
      "a loss of power loses what was acknowledged",
      "npx holdfast stop && npx holdfast start, which write it anew",
    );
  },
});
