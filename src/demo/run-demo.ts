import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readFile } from "node:fs/promises";
import { createKeyRing } from "../adapters/crypto/key-ring.ts";
import { createSealer } from "../adapters/crypto/sealing.ts";
import { createAccountStore } from "../adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../adapters/postgres/database.ts";
import { ownerUrlOf } from "../embedded/postgres.ts";
import { type Judgement, judge } from "./judge.ts";
import {
  type PlantedFault,
  plantedFaults,
  plantInDatabase,
  plantOverlap,
} from "./planted-faults.ts";
import { type ControlAccess, control, controlOf } from "../embedded/control-api.ts";
import { settled } from "./settled.ts";
import { type Told, tellStory } from "./story.ts";
import { followTransitions } from "./transitions.ts";
import { type Running, startEmbedded } from "../embedded/launcher.ts";
import { natsAccessOf } from "../embedded/run-info.ts";
import { exampleBot, exampleDesk, provisionExampleAccounts } from "../embedded/provision.ts";
import { HoldfastError } from "../errors.ts";

export interface DemoOptions {
  readonly json?: boolean;
  readonly turns: number;
  readonly break?: string;
}

const turnsPerEvent = 30;

/** Runs the main job from an empty folder, prints what happens, and judges it. 0 when every claim held. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const fault = plantedFault(options.break);
  const narrate = (line: string) => process.stderr.write(`· ${line}\n`);
  const home = await mkdtemp(join(tmpdir(), "holdfast-demo-"));
  let running: Running | null = null;
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    narrate("starting Postgres, NATS, the simulated Telegram, the gate and the node");
    running = await startEmbedded({
      // These people answer faster than people do.
      env: { ...process.env, HOLDFAST_TALK_TURNS: "0" },
      home,
      log: () => {},
      signal: interrupted.signal,
      provision: provisionExampleAccounts,
    });
    narrate("both accounts are logged in and serve");
    return await Promise.race([
      perform(running, home, fault, options, narrate),
      running.failed.then((error) => Promise.reject(error)),
      aborted(interrupted.signal),
    ]);
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    await running?.stop();
    await rm(home, { recursive: true, force: true });
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () =>
      reject(
        new HoldfastError({
          code: "DEMO_STOPPED",
          message: "The demo was stopped.",
          next: "Run it again: npm run demo",
        }),
      );
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** No host may change the schema. */
async function plantAsOwner(url: string, fault: PlantedFault): Promise<void> {
  const database = openDatabase(ownerUrlOf(url));
  try {
    await plantInDatabase(database, fault);
  } finally {
    await database.close();
  }
}

async function perform(
  running: Running,
  home: string,
  fault: PlantedFault | null,
  options: DemoOptions,
  narrate: (line: string) => void,
): Promise<number> {
  const run = running.run();
  const access = controlOf(run)!;
  const database = openDatabase(run.database);
  const transitions = await followTransitions(natsAccessOf(run, {}));
  try {
    if (fault !== null) await plantAsOwner(run.database, fault);
    const told = await tellStory({
      control: access,
      transitions,
      turnsMin: options.turns,
      turnsPerEvent,
      accounts: { bot: exampleBot, desk: exampleDesk },
      killNode: running.killNode,
      narrate,
    });
    await settled(database);
    if (fault === "overlap") await plantOverlapNow(database, home, access, narrate);
    const judged = await judge(database, access, [
      judgedAccount(exampleBot, told),
      judgedAccount(exampleDesk, told),
    ]);
    return report(told, judged, options, narrate);
  } finally {
    await transitions.close();
    await database.close();
  }
}

const judgedAccount = (
  { account, username }: { readonly account: string; readonly username: string },
  { turns }: Told,
) => ({
  account,
  username,
  tapsAnswered: turns.filter(
    (turn) => turn.account === account && turn.kind === "tap" && turn.repliedAtMs !== null,
  ).length,
});

async function plantOverlapNow(
  database: Database,
  home: string,
  access: ControlAccess,
  narrate: (line: string) => void,
): Promise<void> {
  narrate("planting an overlap: the serving key is used a second time, past the gate");
  const key = Buffer.from((await readFile(join(home, "master.key"), "utf8")).trim(), "base64");
  const dc = await control<{ host: string; port: number; dcId: number; rsaPublicKeyPem: string }>(
    access,
    "GET",
    "/",
  );
  await plantOverlap(
    createAccountStore(database, createSealer(createKeyRing([key]))),
    exampleBot.account,
    {
      id: dc.dcId,
      host: dc.host,
      port: dc.port,
      publicKeyPem: dc.rsaPublicKeyPem,
    },
  );
}

function report(
  told: Told,
  judged: Judgement,
  options: DemoOptions,
  narrate: (line: string) => void,
): number {
  const figures = {
    turns: told.turns.length,
    turnsDuringRenewal: told.turnsDuringRenewal,
    turnsAroundKill: told.turnsAroundKill,
    lost: judged.lost,
    duplicated: judged.duplicated,
    overlaps: judged.overlaps,
    renewals: told.renewals,
    renewalDowntimeMs: told.renewalDowntimeMs,
  };
  const wrong = [
    figures.turns < options.turns && `fewer than ${options.turns} turns`,
    figures.turnsDuringRenewal < turnsPerEvent && `fewer than ${turnsPerEvent} during the renewal`,
    figures.turnsAroundKill < turnsPerEvent && `fewer than ${turnsPerEvent} around the kill`,
    figures.lost !== 0 && `${figures.lost} lost`,
    figures.duplicated !== 0 && `${figures.duplicated} duplicated`,
    figures.overlaps !== 0 && `${figures.overlaps} overlaps`,
    ...told.failures.slice(0, 5),
    ...judged.details.slice(0, 5),
  ].filter((what) => what !== false);
  for (const what of wrong) narrate(`wrong: ${what}`);
  for (const [name, value] of Object.entries(figures)) narrate(`${name}: ${value}`);
  narrate(
    wrong.length === 0
      ? "every claim held: each message answered once, and no key in two places"
      : `failed: ${wrong.length} claims did not hold, as told above`,
  );
  if (options.json === true) process.stdout.write(`${JSON.stringify(figures)}\n`);
  return wrong.length === 0 ? 0 : 1;
}

function plantedFault(name: string | undefined): PlantedFault | null {
  if (name === undefined) return null;
  const found = plantedFaults.find((fault) => fault === name);
  if (found !== undefined) return found;
  throw new HoldfastError({
    code: "OPTION_MALFORMED",
    message: `--break takes ${plantedFaults.join(", ")}, not "${name}".`,
    next: `Choose one: npm run demo -- --break ${plantedFaults[0]}`,
  });
}
