import type { NatsConnection } from "@nats-io/transport-node";
import { HoldfastError } from "../../errors.ts";

/** The oldest server that may stand alone. */
export const natsVersionMin = "2.9.10";
/** Older clusters have lost acknowledged writes when they were parted: measured of 2.9.10, in two of nine runs. */
const clusterVersionMin = "2.10.27";
const clusterReplicas = 3;

const numbersOf = (version: string): number[] => version.split(/[.-]/).slice(0, 3).map(Number);

/** Whether `version` is at least `min`; both are "major.minor.patch". */
export function isAtLeast(version: string, min: string): boolean {
  const have = numbersOf(version);
  for (const [index, wanted] of numbersOf(min).entries()) {
    const had = have[index] ?? 0;
    if (had !== wanted) return had > wanted;
  }
  return true;
}

type Server = Pick<NatsConnection, "info">;

const isCluster = ({ info }: Server): boolean => info?.cluster !== undefined && info.cluster !== "";

/**
 * Copies of data that must survive a server: one on each of three where the servers form a cluster.
 */
export const replicasOf = (nats: Server): number => (isCluster(nats) ? clusterReplicas : 1);

/** Throws NATS_TOO_OLD for a server whose acknowledgements cannot be relied on. */
export function refuseOldServer(nats: Server): void {
  const version = nats.info?.version ?? "0.0.0";
  const min = isCluster(nats) ? clusterVersionMin : natsVersionMin;
  if (isAtLeast(version, min)) return;
  throw new HoldfastError({
    code: "NATS_TOO_OLD",
    message: `The NATS server is ${version}; ${isCluster(nats) ? "a cluster" : "a server"} must be ${min} or newer, or what it acknowledged may be lost.`,
    next: "Upgrade nats-server; the data stay as they are.",
  });
}
