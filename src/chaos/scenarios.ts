import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { jetstreamManager } from "@nats-io/jetstream";
import type { OverlapPolicy } from "../telegram-dc/world/config.ts";
import { HoldfastError } from "../errors.ts";
import { type ChaosHost, processState } from "./chaos-host.ts";
import { type ChaosFleet, eventually } from "./fleet.ts";

/** What a scenario may do, and what it must show. */
export interface Stage {
  readonly fleet: ChaosFleet;
  /** The account that the fault aims at, and who holds it now. */
  readonly account: string;
  readonly holder: ChaosHost;
  readonly others: readonly ChaosHost[];
  /** The fault was seen to be delivered; throws when `seen` is false. */
  delivered(what: string, seen: boolean): void;
  epoch(): Promise<number>;
  rest(ms: number): Promise<void>;
}

export interface Scenario {
  readonly name: string;
  readonly proves: string;
  readonly hosts: number;
  /** The account must be held under a higher epoch afterwards. */
  readonly epochRises: boolean;
  /** The database forgets what it had known: the data centre's ledger alone judges. */
  readonly forgetful?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** telegram-dc's policy; by default the strictest. */
  readonly policy?: OverlapPolicy;
  readonly natsCluster?: boolean;
  /** The hosts' clocks differ: their journals, which tell the time by them, cannot be compared. */
  readonly clocksDiffer?: boolean;
  run(stage: Stage): Promise<void>;
}

/** The development profile's own times, in milliseconds. */
const holdMs = 5_000;
const suspectMs = 2_500;
/** The production profile's. */
const productionHoldMs = 20_000;
const hourMs = 3_600_000;
/** Far more than a kernel queues. */
const bigCalls = 64;
const bigCallBytes = 128 * 1024;

/** With owners and modes: PostgreSQL runs as a user of its own. */
const copyAsItIs = async (from: string, to: string): Promise<void> => {
  await promisify(execFile)("cp", ["-a", from, to]);
};

const isGone = (pid: number): boolean => ["gone", "Z", "X"].includes(processState(pid));

/** Bytes that this machine's kernel has not yet delivered to a loopback port. */
function sendQueueTo(port: number): number {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , to]) => to === remote)
    .reduce((sum, [, , , , queues]) => sum + Number.parseInt(queues?.split(":")[0] ?? "0", 16), 0);
}

async function kill({ delivered }: Stage, host: ChaosHost, which: "gate" | "node"): Promise<void> {
  const pid = host.pids[which];
  host.signal(which, "SIGKILL");
  await eventually(`${which} ${pid} ends`, async () => isGone(pid), 5_000);
  delivered(`SIGKILL of the ${which} (${pid})`, isGone(pid));
}

/** Stops a process for a while; what it finds when it goes on is the point. */
async function freeze(stage: Stage, pid: number, what: string, forMs: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await eventually(`${what} stops`, async () => processState(pid) === "T", 5_000);
  stage.delivered(`SIGSTOP of the ${what} (${pid}) for ${forMs} ms`, processState(pid) === "T");
  await stage.rest(forMs);
  if (!isGone(pid)) process.kill(pid, "SIGCONT");
}

async function breakLink(
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

async function redeploy({ fleet, delivered }: Stage, host: ChaosHost): Promise<void> {
  const pid = host.pids.gate;
  await host.stop();
  delivered(`SIGTERM of ${host.name}; its gate ${pid} ended`, isGone(pid));
  await host.start();
  await fleet.untilServed();
}

export const scenarios: readonly Scenario[] = [
  {
    name: "kill-node",
    proves: "a dead worker's accounts move to a warm host at once",
    hosts: 2,
    epochRises: true,
    run: (stage) => kill(stage, stage.holder, "node"),
  },
  {
    name: "kill-gate",
    proves: "a dead gate whose send queue is full is silent only once that is waited out",
    hosts: 2,
    epochRises: true,
    async run(stage) {
      const { holder, fleet, account, delivered } = stage;
      const { telegram } = holder.links;
      telegram.set("frozen");
      const bytes = { $bytes: Buffer.alloc(bigCallBytes).toString("base64") };
      const params = { fileId: { $long: "1" }, filePart: 0, bytes };
      const calls = Array.from({ length: bigCalls }, () =>
        fleet
          .ask(`holdfast.account.${account}.invoke`, { method: "upload.saveFilePart", params })
          .catch(() => null),
      );
      const queued = await eventually(
        "the send queue fills",
        async () => sendQueueTo(telegram.port) > bigCallBytes && sendQueueTo(telegram.port),
      );
      delivered(`${queued} bytes wait in the send queue`, queued > 0);
      await kill(stage, holder, "gate");
      telegram.set("flow");
      await Promise.all(calls);
    },
  },
  {
    name: "stop-host",
    proves: "a host that sleeps past its takeover sends nothing when it wakes",
    hosts: 2,
    epochRises: true,
    // Nobody can close the sockets of a host that sleeps: two connections are there, and one must not speak.
    policy: "parallel-requests",
    async run({ fleet, holder, delivered, rest }) {
      for (const which of ["gate", "node"] as const) holder.signal(which, "SIGSTOP");
      const { gate, node } = holder.pids;
      const stopped = () => [gate, node].every((pid) => processState(pid) === "T");
      await eventually("the host sleeps", async () => stopped(), 5_000);
      await eventually("every account moves", async () =>
        (await fleet.tokens()).every(
          ({ state, host }) => state === "connected" && host !== holder.name,
        ),
      );
      await fleet.untilServed();
      delivered("SIGSTOP of the gate and the node until the takeover was over", stopped());
      for (const which of ["gate", "node"] as const) holder.signal(which, "SIGCONT");
      await eventually("the host begins anew", async () => isGone(gate));
      await rest(3_000);
    },
  },
  {
    name: "stop-node",
    proves: "a node that hangs is ended, and its accounts move",
    hosts: 2,
    epochRises: true,
    run: (stage) => freeze(stage, stage.holder.pids.node, "node", holdMs + 2_000),
  },
  {
    name: "stop-gate",
    proves:
      "a gate that sleeps past its lease does nothing when it wakes, in the middle of its takeover",
    hosts: 2,
    epochRises: true,
    run: (stage) => freeze(stage, stage.holder.pids.gate, "gate", holdMs + suspectMs + 1_500),
  },
  {
    name: "stop-nats",
    proves: "without NATS everything disconnects, safely, and comes back",
    hosts: 2,
    epochRises: true,
    run: (stage) => freeze(stage, stage.fleet.natsServer.pid, "nats-server", holdMs + 3_000),
  },
  {
    name: "partition-nats",
    proves: "a holder that NATS does not reach lets go before anybody else takes over",
    hosts: 2,
    epochRises: true,
    run: (stage) => breakLink(stage, "nats", 2 * holdMs + 4_000),
  },
  {
    name: "partition-postgres",
    proves: "a holder that Postgres does not reach gives its accounts up over NATS",
    hosts: 2,
    epochRises: true,
    run: (stage) => breakLink(stage, "postgres", 12_000),
  },
  {
    name: "partition-telegram",
    proves: "a connection that Telegram lost is made again under a new epoch",
    hosts: 2,
    epochRises: true,
    run: (stage) => breakLink(stage, "telegram", 26_000),
  },
  {
    name: "kv-rollback",
    proves: "leases of an older copy of the store revive nobody",
    hosts: 2,
    epochRises: true,
    async run({ fleet, rest, delivered }) {
      const copy = join(fleet.folder, "nats-copy");
      await fleet.replaceNats((folder) => copyAsItIs(folder, copy));
      await fleet.untilServed();
      await rest(3_000);
      await fleet.replaceNats(async (folder) => {
        await rm(folder, { recursive: true });
        await copyAsItIs(copy, folder);
      });
      delivered("nats-server runs from the older copy of its store", true);
      await eventually("every gate begins anew", async () =>
        fleet.hosts.every(({ gatesStarted }) => gatesStarted > 1),
      );
    },
  },
  {
    name: "postgres-restore",
    forgetful: true,
    proves: "an older copy of the database grants nothing that is in use",
    hosts: 2,
    epochRises: false,
    async run({ fleet, rest, delivered, holder, account }) {
      const copy = join(fleet.folder, "postgres-copy");
      await fleet.replacePostgres((folder) => copyAsItIs(folder, copy));
      await fleet.untilServed();
      const { node } = holder.pids;
      holder.signal("node", "SIGKILL");
      await eventually("another host holds the account", async () => {
        const now = await fleet.holderOf(account);
        return now !== null && now.name !== holder.name && isGone(node);
      });
      await rest(1_000);
      await fleet.replacePostgres(async (folder) => {
        await rm(folder, { recursive: true });
        await copyAsItIs(copy, folder);
      });
      delivered(
        "Postgres runs from the older copy, in which the former host holds the account",
        true,
      );
    },
  },
  {
    name: "same-name",
    proves: "a second host of the same name is refused, and the first one stays",
    hosts: 2,
    epochRises: false,
    environment: { HOLDFAST_T_DRAIN_MS: "2000", HOLDFAST_T_DISCONNECT_MS: "1000" },
    async run({ fleet, holder, delivered }) {
      const twin = await fleet.addHost(holder.name);
      const refusal = await twin.start().then(
        () => "it started",
        (error: unknown) => String(error),
      );
      delivered(
        `the second ${holder.name} was refused: ${refusal.slice(0, 90)}`,
        refusal.includes("lease"),
      );
    },
  },
  {
    name: "double-import",
    proves: "one session under two names is refused, and the one that serves goes on",
    hosts: 2,
    epochRises: false,
    async run({ fleet, account, delivered }) {
      const { accountStore: store } = fleet;
      const session = await store.loadSession({ account, slot: 1 });
      const name = "bot-copy";
      await store.add({ name, kind: "bot", credentials: await store.credentials(account) });
      const copy = await store.addSlot(name);
      const refusal = await store.saveSession(copy, session!).then(
        () => "it was stored",
        (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
      );
      delivered(`the second import was refused: ${refusal}`, refusal.includes("KEY_ALREADY_HELD"));
      const { holders } = await fleet.ask("holdfast.fleet.who", { keyId: session!.keyId });
      delivered("one account holds the key", (holders as unknown[]).length === 1);
    },
  },
  {
    name: "clock-jumps",
    clocksDiffer: true,
    proves: "a clock that jumps ahead ends a lease at most, and one that jumps back prolongs none",
    hosts: 2,
    epochRises: true,
    async run({ fleet, holder, others, account, delivered, rest }) {
      const [other] = others;
      const begun = holder.gatesStarted;
      const otherBegun = other!.gatesStarted;
      other!.shiftClock(-2 * hourMs);
      await rest(holdMs);
      delivered(
        `the clock of ${other!.name} jumped two hours back; its gate goes on`,
        other!.gatesStarted === otherBegun,
      );
      holder.shiftClock(hourMs);
      await eventually("the gate whose clock jumped ends", async () => holder.gatesStarted > begun);
      delivered(`the clock of ${holder.name} jumped an hour ahead; its gate began anew`, true);
      await eventually("the account is held again", () => fleet.holderOf(account));
    },
  },
  {
    name: "nats-leader",
    proves: "a cluster of three that loses its leader disconnects nobody, at production constants",
    hosts: 2,
    epochRises: false,
    natsCluster: true,
    environment: { HOLDFAST_PROFILE: "production" },
    async run({ fleet, delivered, rest }) {
      const manager = await jetstreamManager(fleet.nats, { timeout: 20_000 });
      const leaderOf = async () =>
        (await manager.streams.info("KV_HOLDFAST_HOSTS")).cluster?.leader ?? null;
      const open = () =>
        fleet.dc.ledger
          .connections({ open: true })
          .map(({ id }) => id)
          .toSorted((a, b) => a - b);
      const leader = (await eventually("the leases have a leader", leaderOf))!;
      const before = open();
      fleet.natsCluster!.kill(leader);
      await eventually("another leader", async () => {
        const next = await leaderOf();
        return next !== null && next !== leader;
      });
      // Past the hold: a lease that was not renewed since would be over by now.
      await rest(productionHoldMs + 2_000);
      delivered(`SIGKILL of ${leader}, which led the leases`, true);
      const kept = before.every((id) => open().includes(id));
      delivered(`${before.length} connections stayed open`, kept && before.length > 0);
    },
  },
  {
    name: "double-force",
    proves: "two operators who force the same account at once break nothing",
    hosts: 2,
    epochRises: true,
    async run({ fleet, account, delivered }) {
      const forced = await Promise.all(
        [1, 2].map(() => fleet.ask("holdfast.fleet.force", { account })),
      );
      const how = forced.map((answer) => String(answer["forced"]));
      delivered(`forced: ${how.join(", ")}`, how.includes("fenced") || how.includes("ended"));
    },
  },
  {
    name: "rolling-deploy-3",
    proves: "three hosts are replaced one after the other under load",
    hosts: 3,
    epochRises: true,
    async run(stage) {
      for (const host of [stage.holder, ...stage.others]) await redeploy(stage, host);
    },
  },
  {
    name: "rolling-deploy-1",
    proves: "the new gate of one host waits for the old one to end",
    hosts: 1,
    epochRises: true,
    async run({ fleet, holder, delivered }) {
      const next = await fleet.addHost(holder.name);
      const begun = next.start();
      const pid = holder.pids.gate;
      await holder.stop();
      delivered(`the old gate ${pid} ended while the new one waited`, isGone(pid));
      await begun;
    },
  },
];
