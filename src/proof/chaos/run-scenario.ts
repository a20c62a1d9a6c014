import { readProof } from "../../cli/prove.ts";
import type { Proof } from "../../custody/ledger-proof.ts";
import { type ChaosFleet, eventually, type FleetOptions, startFleet } from "./fleet.ts";
import { type Counter, counterVariable, startCounter } from "./counter.ts";
import { startLoad, type Verdict } from "./load.ts";
import { contradictions, type Sleep } from "./proof-agrees.ts";
import type { Scenario, Stage } from "./stage.ts";

export interface ScenarioResult extends Verdict {
  readonly scenario: string;
  /** telegram-dc's overlap policy: a breach of it kills the key. */
  readonly policy: string;
  /** The profile of the hosts' times. */
  readonly profile: string;
  readonly callsInFlight: number;
  readonly delivered: readonly string[];
  readonly epochBefore: number;
  readonly epochAfter: number;
  /** From the fault until every account was served again, milliseconds. */
  readonly servedAgainMs: number;
  /** The faults found; empty when the scenario held. */
  readonly wrong: readonly string[];
}

const accountsPerFleet = 3;
/** The number of turns before the fault, and after it. */
const turnsAround = 12;

/** Runs one scenario on a fleet of its own, from an empty folder. */
export async function runScenario(
  scenario: Scenario,
  log: FleetOptions["log"],
): Promise<ScenarioResult> {
  const counter = scenario.countsSteps === true ? await startCounter() : null;
  try {
    return await runBeside(scenario, counter, log);
  } finally {
    await counter?.close();
  }
}

async function runBeside(
  scenario: Scenario,
  counter: Counter | null,
  log: FleetOptions["log"],
): Promise<ScenarioResult> {
  const fleet = await startFleet({
    hosts: scenario.hosts,
    accounts: accountsPerFleet,
    log,
    environment: {
      ...scenario.environment,
      ...(counter === null
        ? {}
        : { [counterVariable]: counter.url, HOLDFAST_BOT_ENV: counterVariable }),
    },
    ...(scenario.policy === undefined ? {} : { policy: scenario.policy }),
    natsCluster: scenario.natsCluster === true,
  });
  const load = await startLoad(fleet);
  try {
    await load.crowd.until((turns) => answered(turns) >= turnsAround);
    const { account } = fleet.accounts[0]!;
    const holder = (await fleet.holderOf(account))!;
    const delivered: string[] = [];
    const sleeps: Sleep[] = [];
    const epoch = async () =>
      (await fleet.tokens()).find((token) => token.account === account)?.epoch ?? 0;
    const stage: Stage = {
      fleet,
      account,
      holder,
      counter,
      others: fleet.hosts.filter((host) => host !== holder),
      delivered(what, seen) {
        log(`${scenario.name}: ${what}`);
        if (!seen) throw new Error(`the fault was not delivered: ${what}`);
        delivered.push(what);
      },
      epoch,
      slept: (sleep) => void sleeps.push(sleep),
      rest: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    };
    const epochBefore = await epoch();
    const callsInFlight = await eventually(
      "calls are in flight",
      async () => load.callsInFlight() || null,
    );
    const begunMs = performance.now();
    await scenario.run(stage);
    await fleet.untilServed(90_000);
    const servedAgainMs = Math.round(performance.now() - begunMs);
    const before = answered(load.crowd.turns);
    await load.crowd.until((turns) => answered(turns) >= before + turnsAround);
    const epochAfter = await epoch();
    const verdict = await load.end(scenario.forgetful);
    const proof =
      scenario.clocksDiffer === true
        ? null
        : await proveWhenShipped(fleet, scenario.forgetful === true);
    const wrong = [
      ...(proof === null ? [] : contradictions(proof, openAtOnce(fleet), sleeps)),
      // A gate that stayed awake let go in time, whatever the policy allows.
      proof !== null &&
        proof.overlaps.length > 0 &&
        `${proof.overlaps.length} overlaps by the gates' own journals`,
      proof !== null && proof.breaks.length > 0 && `holdfast prove: ${proof.breaks[0]}`,
      callsInFlight === 0 && "no call was in flight at the fault",
      delivered.length === 0 && "no fault was seen to be delivered",
      scenario.epochRises && epochAfter <= epochBefore && "the epoch did not rise",
      verdict.overlaps !== 0 && `${verdict.overlaps} overlaps`,
      verdict.duplicated !== 0 && `${verdict.duplicated} duplicate replies`,
      verdict.lost !== 0 && `${verdict.lost} lost messages`,
    ].filter((what) => what !== false);
    return {
      scenario: scenario.name,
      policy: fleet.policy,
      profile: scenario.environment?.["HOLDFAST_PROFILE"] ?? "development",
      callsInFlight,
      delivered,
      epochBefore,
      epochAfter,
      servedAgainMs,
      ...verdict,
      wrong,
    };
  } finally {
    load.abandon();
    await fleet.close();
  }
}

/** Pairs of connections with one key open at once, as telegram-dc saw them, by account. */
function openAtOnce({ dc, accounts }: ChaosFleet): ReadonlyMap<string, number> {
  const pairs = dc.ledger.overlapList().filter(({ policy }) => policy === "any-two-connections");
  const counts = accounts.map(({ account, username }) => {
    const { id } = dc.phone.user(username);
    return [account, pairs.filter(({ userId }) => userId === id).length] as const;
  });
  return new Map(counts);
}

/** The ledger's own verdict, once every gate's journal has been shipped. */
async function proveWhenShipped(fleet: ChaosFleet, forgetful: boolean): Promise<Proof> {
  const env = { HOLDFAST_DATABASE_URL: fleet.postgres.url };
  return eventually("the journals are in the ledger", async () => {
    const proof = await readProof(env, { fromMs: 0 });
    const open = proof.intervals.filter(({ known }) => known === "still open").length;
    // A restored database has lost lines; the next gates bring them again from their disks.
    const whole = proof.undecided.length === 0 && (!forgetful || proof.breaks.length === 0);
    return whole && open >= fleet.accounts.length ? proof : null;
  });
}

const answered = (turns: readonly { readonly repliedAtMs: number | null }[]): number =>
  turns.filter(({ repliedAtMs }) => repliedAtMs !== null).length;
