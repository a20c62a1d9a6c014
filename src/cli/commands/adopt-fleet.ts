import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { openDatabase } from "../../adapters/postgres/database.ts";
import { createFleetStore } from "../../adapters/postgres/fleet-store.ts";
import { createSystemClock } from "../../concurrency/system-clock.ts";
import { wait } from "../../concurrency/wait.ts";
import { readConfig } from "../../config/config.ts";
import { fleetRuns } from "../../custody/fleet-identity.ts";
import { openHome } from "../../embedded/home.ts";
import { writeHomeRecord } from "../../embedded/home-fleet.ts";
import { HoldfastError } from "../../errors.ts";
import { print } from "../print.ts";
import type { FleetStore, FleetTimes } from "../../ports/custody/fleet-store.ts";

const { env } = process;

interface Given {
  readonly theOtherIsStopped?: boolean;
  readonly times?: boolean;
}

/** `holdfast adopt-fleet`: the way out where a start was refused because a fleet may run elsewhere. */
export function addAdoptFleetCommand(program: Command): void {
  program
    .command("adopt-fleet")
    .description("say that this is the fleet's only place, or that its times change")
    .option("--the-other-is-stopped", "every other host, and the original of a copy, is stopped")
    .option("--times", "every host is stopped; the fleet takes the times of this environment")
    .addHelpText(
      "after",
      "\nIf the other still runs, both use the same keys: Telegram ends them, and the accounts are logged out.\nWith HOLDFAST_DATABASE_URL it speaks of the fleet of that database, otherwise of the home.\n\nExample:\n  npx holdfast adopt-fleet --the-other-is-stopped",
    )
    .action(adopt);
}

async function adopt({ theOtherIsStopped, times }: Given): Promise<void> {
  if (theOtherIsStopped !== true && times !== true) throw unconfirmed();
  const { databaseUrl, home, timings } = readConfig(env);
  if (databaseUrl === null) return adoptHome(home, theOtherIsStopped === true);
  const database = openDatabase(databaseUrl, { poolMax: 1 });
  try {
    const store = createFleetStore(database);
    const record = await store.read();
    await refuseBeating(store, record?.times ?? timings);
    if (theOtherIsStopped === true) {
      const id = randomUUID();
      const kept = times === true ? timings : (record?.times ?? timings);
      await store.adopt({ id, times: kept });
      print(`this database is fleet ${id.slice(0, 8)} from now on`);
      print("Start a host within an hour: it writes that into its NATS.");
      return;
    }
    await store.changeTimes(timings);
    print(
      record === null
        ? "No host has started over this database yet: the first one records its times."
        : "the fleet has the times of this environment; start every host with the same",
    );
  } finally {
    await database.close();
  }
}

async function adoptHome(home: string, confirmed: boolean): Promise<void> {
  if (!confirmed) {
    print("Nothing to do: a home with its own database takes its times at each start.");
    return;
  }
  if (!existsSync(join(resolve(home), "postgres"))) throw noHome(home);
  const held = await openHome(home, { log: () => {}, now: () => new Date() });
  try {
    writeHomeRecord(held.path, null);
  } finally {
    held.release();
  }
  print(`${held.path} is this fleet's place from now on; start it with: npm start`);
}

/** A host of this database that beats is not stopped. */
async function refuseBeating(store: FleetStore, { suspectMs }: FleetTimes): Promise<void> {
  const before = await store.live();
  if (before.length === 0) return;
  await wait(createSystemClock(), suspectMs);
  const counts = new Map(before.map(({ incarnation, beats }) => [incarnation, beats]));
  const beating = (await store.live()).filter(
    ({ incarnation, beats }) => counts.get(incarnation) !== beats,
  );
  if (beating.length > 0) throw fleetRuns(beating.map(({ host }) => host));
}

const unconfirmed = () =>
  new HoldfastError({
    code: "ADOPT_UNCONFIRMED",
    message:
      "If the fleet runs elsewhere too, both use the same keys: Telegram ends them, and the accounts are logged out. Nothing was changed.",
    next: "Once every other host is stopped: npx holdfast adopt-fleet --the-other-is-stopped",
  });

const noHome = (home: string) =>
  new HoldfastError({
    code: "HOME_EMPTY",
    message: `${home} holds no database, so there is nothing to adopt.`,
    next: "Name the home in HOLDFAST_HOME, or the fleet's database in HOLDFAST_DATABASE_URL.",
  });
