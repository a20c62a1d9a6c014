import { type ChaosFleet, eventually, startFleet } from "../chaos/fleet.ts";
import { startLoad } from "../chaos/load.ts";
import type { RpcRecord } from "../telegram-dc/world/ledger-records.ts";
import { type Figure, figure, percentile } from "./figures.ts";

const accounts = 4;
const handoverRounds = 6;
const killRounds = 8;
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

/** For each account: from the last answer on one connection to the first on the next, since `sinceMs`. */
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
      found.push(rpc.answeredAtMs! - last);
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

/** Everything that needs real hosts: graceful handover, a killed node, a lost host, a forced token. */
export async function measureCustody(log: (line: string) => void): Promise<readonly Figure[]> {
  const environment = { HOLDFAST_T_TENURE_MS: "600000" };
  const fleet = await startFleet({ hosts: 2, accounts, environment, log: () => {} });
  try {
    const load = await startLoad(fleet);
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
      await eventually("every account moves", async () =>
        (await fleet.tokens()).every(
          (token) => token.state === "connected" && token.host !== host.name,
        ),
      );
      await fleet.untilServed();
      await rest(2500);
      takeovers.push(...firstAnswers(fleet, sinceMs));
      log(`killed node ${round} of ${killRounds}: ${takeovers.length} samples`);
    }
    const forcedFromMs = Date.now();
    await fleet.ask("holdfast.fleet.force", { account: fleet.accounts[0]!.account });
    await fleet.untilServed();
    const forced = Math.min(...firstAnswers(fleet, forcedFromMs));
    const lost = await hostWithAccounts(fleet);
    const lostAtMs = Date.now();
    lost.signal("gate", "SIGSTOP");
    lost.signal("node", "SIGSTOP");
    await eventually("every account moves", async () =>
      (await fleet.tokens()).every(
        (token) => token.state === "connected" && token.host !== lost.name,
      ),
    );
    await fleet.untilServed();
    const losses = firstAnswers(fleet, lostAtMs);
    lost.signal("gate", "SIGKILL");
    lost.signal("node", "SIGKILL");
    const verdict = await load.end();
    log(
      `${verdict.overlaps} overlaps, ${verdict.duplicated} duplicate replies, ${verdict.lost} lost`,
    );
    return [
      figure("handover-p50-ms", percentile(handovers, 0.5), "ms", 100),
      figure("handover-p99-ms", percentile(handovers, 0.99), "ms", 300),
      figure("takeover-node-kill-p99-ms", percentile(takeovers, 0.99), "ms", 1000),
      figure("takeover-host-loss-ms", percentile(losses, 1), "ms", suspectMs + takeMs + marginMs),
      figure("takeover-fenced-ms", forced, "ms", suspectMs + marginMs),
      figure("overlaps", verdict.overlaps, "pairs", 1),
    ];
  } finally {
    await fleet.close();
  }
}
