import type { Clock } from "../concurrency/clock.ts";
import { wait } from "../concurrency/wait.ts";
import { HoldfastError } from "../errors.ts";
import type { FleetStore, FleetTimes } from "../ports/custody/fleet-store.ts";
import type { RegisterEntry, SharedRegister } from "../ports/custody/shared-register.ts";
import { judgeFleet } from "./fleet-verdict.ts";
import { type FleetIdValue, fleetIdKey, type LeaseValue } from "./registers.ts";

export interface FleetIdentityParts {
  readonly store: FleetStore;
  readonly fleet: SharedRegister<FleetIdValue>;
  readonly hosts: Pick<SharedRegister<LeaseValue>, "entries">;
  /** This host's. */
  readonly times: FleetTimes;
  readonly clock: Clock;
  newId(): string;
}

/**
 * Makes sure that this database and this NATS belong to one fleet, whose times are this host's. A new fleet gets its id
 * here. Resolves with the id. Throws FLEET_ELSEWHERE, FLEET_MISMATCH, FLEET_RUNS and FLEET_TIMES_DIFFER, with nothing
 * written, and the errors of store and register.
 */
export async function recogniseFleet(parts: FleetIdentityParts): Promise<string> {
  const { store, fleet, hosts, times } = parts;
  // NATS before Postgres, and written after it: an id that stands in NATS is seen in its database too.
  const known = await fleet.read(fleetIdKey);
  const record = await store.read();
  if (record !== null) refuseOtherTimes(record.times, times);
  const leases = await hosts.entries();
  const incarnations = leases.map(({ value }) => value.incarnation);
  const verdict = judgeFleet({
    recorded: record?.id ?? null,
    known: known?.value.id ?? null,
    adopting: record?.adopting ?? false,
    hasKeys: await store.hasKeys(),
    kin: incarnations.length > 0 && (await store.knowsAny(incarnations)),
  });
  if (verdict === "elsewhere") throw elsewhere(record?.id ?? null);
  if (verdict === "mismatch") throw mismatch(record?.id ?? null, known?.value.id ?? "");
  if (verdict === "overwrite") await refuseRunning(parts, leases);
  const id = await settle(parts, record?.id ?? null, known);
  if (record?.adopting === true) await store.settled();
  return id;
}

/** Both stores say the same afterwards. Postgres decides between hosts of a new fleet that start at once. */
async function settle(
  { store, fleet, times, newId }: FleetIdentityParts,
  recorded: string | null,
  known: RegisterEntry<FleetIdValue> | null,
): Promise<string> {
  const record = await store.found({ id: recorded ?? known?.value.id ?? newId(), times });
  refuseOtherTimes(record.times, times);
  const { id } = record;
  if (known?.value.id === id) return id;
  const value = { id, nonce: newId() };
  await fleet.write(fleetIdKey, value, known?.revision ?? 0).catch(async (error: unknown) => {
    const other = await fleet.read(fleetIdKey);
    if (other === null) throw error;
    if (other.value.id !== id) throw mismatch(id, other.value.id);
  });
  return id;
}

/**
 * Another fleet's id is replaced only where no lease is renewed while a holder would have been suspected. Throws
 * FLEET_RUNS.
 */
export async function refuseRunning(
  {
    hosts,
    times,
    clock,
  }: {
    readonly hosts: FleetIdentityParts["hosts"];
    readonly times: Pick<FleetTimes, "suspectMs">;
    readonly clock: Clock;
  },
  before: readonly RegisterEntry<LeaseValue>[],
): Promise<void> {
  const live = before.filter(({ value }) => value.status === "live");
  if (live.length === 0) return;
  await wait(clock, times.suspectMs);
  const after = new Map((await hosts.entries()).map((entry) => [entry.key, entry.revision]));
  const renewed = live.filter(({ key, revision }) => after.get(key) !== revision);
  if (renewed.length > 0) throw fleetRuns(renewed.map(({ key }) => key));
}

const timeNames = ["suspectMs", "holdMs", "takeMs", "answerMs"] as const;
const shown = (times: FleetTimes): string =>
  timeNames.map((name) => `${name} ${times[name]}`).join(", ");

function refuseOtherTimes(recorded: FleetTimes, own: FleetTimes): void {
  if (timeNames.every((name) => recorded[name] === own[name])) return;
  throw new HoldfastError({
    code: "FLEET_TIMES_DIFFER",
    message: `The fleet's times are ${shown(recorded)}; this host's are ${shown(own)}. A host that waits less than another one holds would take its keys too early.`,
    next: "Set HOLDFAST_PROFILE and the HOLDFAST_T_ variables as on the other hosts. To change the fleet's, stop every host, set them everywhere, and run: npx holdfast adopt-fleet --times",
  });
}

/** The first part of an id tells fleets apart for a person. */
const short = (id: string): string => id.slice(0, 8);

/** The consequence, in the words of every refusal. */
export const adoptCommand =
  "npx holdfast adopt-fleet --the-other-is-stopped (if the other still runs, Telegram ends the keys and the accounts are logged out)";

const elsewhere = (recorded: string | null) =>
  new HoldfastError({
    code: "FLEET_ELSEWHERE",
    message: `This database serves accounts of ${recorded === null ? "a fleet" : `fleet ${short(recorded)}`} that this NATS does not know: it is a copy, or NATS is another one or lost its data.`,
    next: `Name the fleet's own NATS in HOLDFAST_NATS_URL. If this is its place from now on, stop every other host and run: ${adoptCommand}`,
  });

const mismatch = (recorded: string | null, known: string) =>
  new HoldfastError({
    code: "FLEET_MISMATCH",
    message: `This NATS belongs to fleet ${short(known)}, and this database to ${recorded === null ? "none yet" : `fleet ${short(recorded)}`}.`,
    next: `Give each fleet a NATS of its own in HOLDFAST_NATS_URL. If fleet ${short(known)} is over, stop its hosts and run: ${adoptCommand}`,
  });

/** Hosts that were said to be stopped still renew their leases or beat. */
export const fleetRuns = (hosts: readonly string[]): HoldfastError =>
  new HoldfastError({
    code: "FLEET_RUNS",
    message: `These hosts still run: ${hosts.join(", ")}. Nothing was changed.`,
    next: "Stop them, then try again.",
  });
