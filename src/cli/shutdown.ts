import { resolve } from "node:path";
import { startTimeOf } from "../adapters/machine/process-identity.ts";
import { withHome } from "../embedded/home.ts";
import { ownerOfHome, refuseUnusableHome, sweepHome } from "../embedded/home-sweep.ts";
import { endRecorded, runningIn } from "../embedded/process-records.ts";
import { readRunInfo, type RunInfo } from "../embedded/run-info.ts";
import { HoldfastError } from "../errors.ts";
import type { SweepPart } from "../ports/hygiene.ts";
import { fleetDatabaseUrl, sweepFleet, withHygiene } from "./fleet-sweep.ts";
import { type Health, healthOf, nextSteps } from "./shutdown-health.ts";
import { stopService, untilGone } from "./stop-service.ts";
import { type SweepReport, sweepReport } from "./sweep-report.ts";
import {
  type GateIdentity,
  type Verified,
  verifyProcesses,
  verifySockets,
  watchTokens,
} from "./verify-idle.ts";

export interface ShutdownOptions {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly force: boolean;
  readonly keepCache: boolean;
  readonly now: () => Date;
  /** Hears of each step. */
  tell(line: string): void;
}

/** As `--json` prints it. */
export interface ShutdownReport {
  readonly home: string;
  /** false: nothing ran. */
  readonly stopped: boolean;
  readonly verified: readonly Verified[];
  readonly sweep: SweepReport;
  readonly health: readonly Health[];
  readonly next: readonly string[];
}

interface Service {
  readonly run: RunInfo;
  /** null: it has just ended. */
  readonly gate: GateIdentity | null;
}

/** What the database tells before it may end. */
interface FleetBefore {
  /** The name of this host; null: its incarnation is not known. */
  readonly host: string | null;
  readonly renewing: readonly string[];
  readonly states: Readonly<Record<string, number>>;
}

/**
 * Stops the service of a home, verifies that nothing of it is left, and sweeps. The database comes first: an embedded
 * one ends with the service. Throws HOME_MISSING, HOME_UNWRITABLE, START_UNDER_WAY and RENEWAL_UNDER_WAY with nothing
 * done, and STOP_UNFINISHED and DISK_FULL.
 */
export async function shutDown(options: ShutdownOptions): Promise<ShutdownReport> {
  const { env, force, keepCache, now, tell } = options;
  const home = resolve(options.home);
  refuseUnusableHome(home);
  await endStart(home, force, tell);
  const service = await runningService(home);
  const url =
    service === null ? env["HOLDFAST_DATABASE_URL"] || null : await fleetDatabaseUrl(env, home);
  const before = url === null ? null : await lookBefore(url, service?.gate ?? null);
  if (before !== null && before.renewing.length > 0 && !force) throw renewing(before.renewing);

  tell(`1/5 ${service === null ? "nothing runs in this folder" : whatRuns(service, before)}`);
  const fleet = withoutLease(
    await sweepFleet(url, { dryRun: false, keepCache }),
    before?.host ?? null,
  );
  tell(`2/5 ${fleetLine(fleet, url)}`);

  const watch =
    url === null || service === null || service.gate === null
      ? null
      : watchTokens(url, service.gate);
  if (service !== null) tell("3/5 stopping: calls and turns in flight end first");
  const stopped = service !== null && (await stopService(home, force, tell));
  const orphans = await endOrphans(home, now, tell);
  tell(`${stopped ? "   " : "3/5"} ${stopLine(stopped, orphans)}`);

  const pids = service === null ? [] : Object.values(service.run.pids);
  const verified = [
    verifyProcesses(home, pids),
    await verifySockets(home),
    ...(watch === null ? [] : [await watch.end()]),
  ];
  tell(
    `4/5 ${verified.every(({ well }) => well === true) ? "idle, and verified" : "looked at what is left"}`,
  );

  const own = await sweepHome({ home, now, dryRun: false });
  const sweep = sweepReport(home, false, [own, fleet]);
  tell(`5/5 swept: ${sweep.total.count} removed`);
  const health = healthOf({ home, env, fleet, states: before?.states ?? null });
  return {
    home,
    stopped,
    verified,
    sweep,
    health,
    next: nextSteps({ health, verified, sweep }),
  };
}

/** This host's own lease ends with the stop that follows. */
const withoutLease = ({ swept, preserved }: SweepPart, host: string | null): SweepPart => ({
  swept,
  preserved: preserved.filter(({ name }) => name !== `lease of host ${host}`),
});

/** A start that is under way has no `run.json` yet: it is refused, or ended by force. */
async function endStart(home: string, force: boolean, tell: (line: string) => void): Promise<void> {
  const owner = ownerOfHome(home);
  if (owner === null || owner.isBrief) return;
  const run = await readRunInfo(home);
  if (run?.pids["launcher"] === owner.pid) return;
  if (!force) throw starting(home, owner.pid, owner.since);
  tell(`the start under way (pid ${owner.pid}) is stopped`);
  process.kill(owner.pid, "SIGTERM");
  await untilGone([owner.pid], tell);
}

async function runningService(home: string): Promise<Service | null> {
  const owner = ownerOfHome(home);
  const run = await readRunInfo(home);
  if (owner === null || run === null || run.pids["launcher"] !== owner.pid) return null;
  const pid = run.pids["gate"];
  const startTime = pid === undefined ? null : startTimeOf(pid);
  const gate = pid === undefined || startTime === null ? null : { pid, startTime };
  return { run, gate };
}

/** null: the database does not answer. */
function lookBefore(url: string, gate: GateIdentity | null): Promise<FleetBefore | null> {
  return withHygiene(url, async (hygiene) => {
    const held = gate === null ? null : await hygiene.heldBy(gate);
    return {
      host: held?.host ?? null,
      renewing: held === null ? [] : await hygiene.renewing(held.incarnation),
      states: await hygiene.accountStates(),
    };
  }).catch((error: unknown) => {
    if (error instanceof HoldfastError) return null;
    throw error;
  });
}

/** Processes that a killed launcher has left, by number and start. */
async function endOrphans(
  home: string,
  now: () => Date,
  tell: (line: string) => void,
): Promise<number> {
  if (ownerOfHome(home) !== null || runningIn(home).length === 0) return 0;
  return withHome(home, now, async () => (await endRecorded(home, tell)).length);
}

function whatRuns({ run }: Service, before: FleetBefore | null): string {
  const accounts = Object.values(before?.states ?? {}).reduce((sum, n) => sum + n, 0);
  const told = before === null ? "its database does not answer" : `${accounts} accounts`;
  return `the service runs (pid ${run.pids["launcher"]}), ${told}`;
}

function fleetLine({ swept }: SweepPart, url: string | null): string {
  if (url === null) return "the fleet's database is not reachable, and not swept";
  const count = swept.reduce((sum, one) => sum + one.count, 0);
  return `the fleet's database is swept: ${count} removed`;
}

function stopLine(stopped: boolean, orphans: number): string {
  const left = orphans === 0 ? "" : `; ended ${orphans} processes that a killed run had left`;
  return stopped ? `stopped: no process is left${left}` : `nothing to stop${left}`;
}

const starting = (home: string, pid: number, since: string) =>
  new HoldfastError({
    code: "START_UNDER_WAY",
    message: `A start is under way in ${home} (pid ${pid}, since ${since}); nothing was stopped.`,
    next: "Wait until it says `holdfast ready`, or end it with: npx holdfast shutdown --force",
  });

const renewing = (accounts: readonly string[]) =>
  new HoldfastError({
    code: "RENEWAL_UNDER_WAY",
    message: `${accounts.join(", ")} ${accounts.length === 1 ? "is" : "are"} being renewed; nothing was stopped.`,
    next: "See how far it is with: npx holdfast status. The next start goes on with it after: npx holdfast shutdown --force",
  });
