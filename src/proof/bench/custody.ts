import { type ChaosFleet, eventually, startFleet } from "../chaos/fleet.ts";
import { startLoad } from "../chaos/load.ts";
import type { RpcRecord } from "../../telegram-dc/world/ledger/ledger-records.ts";
import { type Figure, figure, percentile } from "./figures.ts";

const accounts = 4;
const handoverRounds = 12;
/**
 * People and scripts keep the machine busy, not full: the bench measures the handover, not the
 * queue for the cores.
 */
const load = { thinkMs: 250, callersPerBot: 1 };
const killRounds = 8;
const lossRounds = 2;
/** The delay between the suspicion and the wake-up of a sleeping gate. */
const wakeMs = 500;
/** The development profile's own times, in milliseconds. */
const suspectMs = 2_500;
const takeMs = 7_500;
const marginMs = 2_000;

/** Answered calls by account, as the data centre saw them. */
function answeredCalls(fleet: ChaosFleet): ReadonlyMap<string, readonly RpcRecord[]> {
  const byUser = new Map<string, RpcRecord[]>();
  for (const rpc of fleet.dc.ledger.rpcs()) {
    if (rpc.userId === undefined || rpc.answeredAtMs === undefined || rpc.outcome !== "ok")
      continue;
    const user = String(rpc.userId);
    byUser.set(user, [...(byUser.get(user) ?? []), rpc]);
  }
  return byUser;
}

/** For each account: from the last answer on one connection to the first call on the next, since `sinceMs`. */
function gaps(fleet: ChaosFleet, sinceMs: number): readonly number[] {
  return [...answeredCalls(fleet).values()].flatMap((rpcs) => {
    const found: number[] = [];
    for (const [index, rpc] of rpcs.entries()) {
      const before = rpcs[index - 1];
      if (before === undefined || rpc.connectionId === before.connectionId) continue;
      if (rpc.answeredAtMs! < sinceMs) continue;
      const last = Math.max(
        ...rpcs
          .slice(0, index)
          .filter(({ connectionId }) => connectionId === before.connectionId)
          .map(({ answeredAtMs }) => answeredAtMs!),
      );
      found.push(Math.max(0, rpc.atMs - last));
    }
    return found;
  });
}

/** From `sinceMs` to the first answer on another connection, for each account that had one then. */
function firstAnswers(fleet: ChaosFleet, sinceMs: number): readonly number[] {
  return [...answeredCalls(fleet).values()].flatMap((rpcs) => {
    const before = rpcs.findLast(({ atMs }) => atMs < sinceMs)?.connectionId;
    const first = rpcs.find(({ atMs, connectionId }) => atMs >= sinceMs && connectionId !== before);
    return before === undefined || first === undefined ? [] : [first.answeredAtMs! - sinceMs];
  });
}

const rest = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function hostWithAccounts(fleet: ChaosFleet) {
  const [token] = await fleet.tokens();
  return fleet.hosts.find(({ name }) => name === token?.host) ?? fleet.hosts[0]!;
}

/**
 * Graceful handovers and killed nodes, under the policy by which any second connection of a key
 * kills it.
 */
async function measureMoves(log: (line: string) => void): Promise<readonly Figure[]> {
  const environment = { HOLDFAST_T_TENURE_MS: "600000" };
  const fleet = await startFleet({ hosts: 2, accounts, environment, direct: true, log: () => {} });
  try {
    const working = await startLoad(fleet, load);
    const handovers: number[] = [];
    for (let round = 1; round <= handoverRounds; round += 1) {
      const host = await hostWithAccounts(fleet);
      const sinceMs = Date.now();
      await host.stop();
      await fleet.untilServed();
      await rest(500);
      handovers.push(...gaps(fleet, sinceMs));
      await host.start();
      await rest(1500);
      log(`handover ${round} of ${handoverRounds}: ${handovers.length} samples`);
    }
    const takeovers: number[] = [];
    for (let round = 1; round <= killRounds; round += 1) {
      const host = await hostWithAccounts(fleet);
      const sinceMs = Date.now();
      host.signal("node", "SIGKILL");
      await untilMoved(fleet, host.name);
      await fleet.untilServed();
      await rest(2500);
      takeovers.push(...firstAnswers(fleet, sinceMs));
      log(`killed node ${round} of ${killRounds}: ${takeovers.length} samples`);
    }
    const { overlaps, duplicated, lost } = await working.end();
    log(`${overlaps} overlaps, ${duplicated} duplicate replies, ${lost} lost`);
    return [
      figure("handover-p50-ms", percentile(handovers, 0.5), "ms", 100),
      figure("handover-p99-ms", percentile(handovers, 0.99), "ms", 300),
      figure("takeover-node-kill-p99-ms", percentile(takeovers, 0.99), "ms", 1000),
      figure("overlaps-any-two-connections", overlaps, "pairs", 1),
    ];
  } finally {
    await fleet.close();
  }
}

/** Frozen hosts. A frozen host's sockets cannot be closed, so only parallel requests kill a key. */
async function measureLosses(log: (line: string) => void): Promise<readonly Figure[]> {
  const environment = { HOLDFAST_T_TENURE_MS: "600000" };
  const policy = "parallel-requests";
  const fleet = await startFleet({
    hosts: 2,
    accounts,
    environment,
    direct: true,
    policy,
    log: () => {},
  });
  try {
    const working = await startLoad(fleet, load);
    await rest(1000);
    const fenced: number[] = [];
    const losses: number[] = [];
    for (let round = 1; round <= lossRounds; round += 1) {
      const waking = await hostWithAccounts(fleet);
      const asleepAtMs = Date.now();
      waking.signal("gate", "SIGSTOP");
      await rest(suspectMs + wakeMs);
      waking.signal("gate", "SIGCONT");
      await untilMoved(fleet, waking.name);
      await fleet.untilServed();
      fenced.push(...firstAnswers(fleet, asleepAtMs));
      await eventually("the host begins anew", async () => waking.gatesStarted > round);
      await rest(3000);

      const lost = await hostWithAccounts(fleet);
      const lostAtMs = Date.now();
      lost.signal("gate", "SIGSTOP");
      lost.signal("node", "SIGSTOP");
      await untilMoved(fleet, lost.name);
      await fleet.untilServed();
      losses.push(...firstAnswers(fleet, lostAtMs));
      // The node first: a waking gate ends its node at once, and then no process would be left to
      // signal.
      lost.signal("node", "SIGCONT");
      lost.signal("gate", "SIGCONT");
      await rest(5000);
      log(`frozen hosts, round ${round} of ${lossRounds}: ${losses.length} samples`);
    }
    const { duplicated, lost } = await working.end();
    const overlaps = fleet.dc.ledger.overlaps()[policy];
    log(`${overlaps} overlaps, ${duplicated} duplicate replies, ${lost} lost`);
    return [
      figure("takeover-host-loss-ms", percentile(losses, 1), "ms", suspectMs + takeMs + marginMs),
      figure("takeover-fenced-ms", percentile(fenced, 1), "ms", suspectMs + marginMs),
      figure("overlaps-parallel-requests", overlaps, "pairs", 1),
    ];
  } finally {
    await fleet.close();
  }
}

function untilMoved(fleet: ChaosFleet, from: string): Promise<unknown> {
  return eventually("every account moves", async () =>
    (await fleet.tokens()).every(({ state, host }) => state === "connected" && host !== from),
  );
}

/** Measures everything that needs real hosts: graceful handover, a killed node, a frozen host. */
export async function measureCustody(log: (line: string) => void): Promise<readonly Figure[]> {
  return [...(await measureMoves(log)), ...(await measureLosses(log))];
}
