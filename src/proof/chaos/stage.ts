import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { OverlapPolicy } from "../../telegram-dc/world/config.ts";
import { type ChaosHost, processState } from "./chaos-host.ts";
import type { Counter } from "./counter.ts";
import { type ChaosFleet, eventually } from "./fleet.ts";
import type { Sleep } from "./proof-agrees.ts";

/** A scenario's means, and the proofs that it must give. */
export interface Stage {
  readonly fleet: ChaosFleet;
  /** The target account of the fault, and its holder at that moment. */
  readonly account: string;
  readonly holder: ChaosHost;
  readonly others: readonly ChaosHost[];
  /** What the bots' steps call; null in a scenario without such a bot. */
  readonly counter: Counter | null;
  /** Records that the fault was seen to be delivered; throws when `seen` is false. */
  delivered(what: string, seen: boolean): void;
  epoch(): Promise<number>;
  /** Records that the harness kept a gate from running. */
  slept(sleep: Sleep): void;
  rest(ms: number): Promise<void>;
}

export interface Scenario {
  readonly name: string;
  readonly proves: string;
  readonly hosts: number;
  /** The account must be held under a higher epoch afterwards. */
  readonly epochRises: boolean;
  /** The database loses its memory: the data centre's ledger alone judges. */
  readonly forgetful?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** telegram-dc's policy; by default the strictest. */
  readonly policy?: OverlapPolicy;
  readonly natsCluster?: boolean;
  /** Its bot calls a server in its steps, at the address in the variable CHAOS_COUNTER_URL. */
  readonly countsSteps?: boolean;
  /** The hosts' clocks differ, so the times in their journals cannot be compared. */
  readonly clocksDiffer?: boolean;
  run(stage: Stage): Promise<void>;
}

/** The development profile's own times, in milliseconds. */
export const holdMs = 5_000;
export const suspectMs = 2_500;
/** The production profile's. */
export const productionHoldMs = 20_000;
export const hourMs = 3_600_000;
/** Far more than a kernel queues. */
export const bigCalls = 64;
export const bigCallBytes = 128 * 1024;

/** With owners and modes: PostgreSQL runs as a user of its own. */
export const copyAsItIs = async (from: string, to: string): Promise<void> => {
  await promisify(execFile)("cp", ["-a", from, to]);
};

export const isGone = (pid: number): boolean => ["gone", "Z", "X"].includes(processState(pid));

/** Bytes that this machine's kernel has not yet delivered to a loopback port. */
export function sendQueueTo(port: number): number {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , to]) => to === remote)
    .reduce((sum, [, , , , queues]) => sum + Number.parseInt(queues?.split(":")[0] ?? "0", 16), 0);
}

export async function kill(
  { delivered }: Stage,
  host: ChaosHost,
  which: "gate" | "node",
): Promise<void> {
  const pid = host.pids[which];
  host.signal(which, "SIGKILL");
  await eventually(`${which} ${pid} ends`, async () => isGone(pid), 5_000);
  delivered(`SIGKILL of the ${which} (${pid})`, isGone(pid));
}

/**
 * Stops a process for a while; the scenario tests how it goes on. Resolves to the span without
 * running.
 */
export async function freeze(
  stage: Stage,
  pid: number,
  what: string,
  forMs: number,
): Promise<Omit<Sleep, "host">> {
  const fromMs = Date.now();
  process.kill(pid, "SIGSTOP");
  await eventually(`${what} stops`, async () => processState(pid) === "T", 5_000);
  stage.delivered(`SIGSTOP of the ${what} (${pid}) for ${forMs} ms`, processState(pid) === "T");
  await stage.rest(forMs);
  const toMs = Date.now();
  if (!isGone(pid)) process.kill(pid, "SIGCONT");
  return { fromMs, toMs };
}

export async function breakLink(
  stage: Stage,
  which: "nats" | "postgres" | "telegram",
  forMs: number,
): Promise<void> {
  const link = stage.holder.links[which];
  const before = link.felt;
  link.set("frozen");
  await stage.rest(forMs / 2);
  link.set("cut");
  await stage.rest(forMs / 2);
  stage.delivered(
    `${stage.holder.name} was parted from ${which} for ${forMs} ms (${link.felt - before} times felt)`,
    link.felt > before,
  );
  link.set("flow");
}

export async function redeploy({ fleet, delivered }: Stage, host: ChaosHost): Promise<void> {
  const pid = host.pids.gate;
  await host.stop();
  delivered(`SIGTERM of ${host.name}; its gate ${pid} ended`, isGone(pid));
  await host.start();
  await fleet.untilServed();
}
