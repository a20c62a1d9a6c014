import { statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { entriesOf } from "../embedded/home-leftovers.ts";
import type { SweepPart } from "../ports/hygiene.ts";
import { size, type SweepReport } from "./sweep-report.ts";
import type { Verified } from "./verify-idle.ts";

/** One sign of health, for a person. */
export interface Health {
  readonly what: "accounts" | "waiting" | "master key" | "journals" | "disk";
  readonly well: boolean;
  readonly text: string;
}

interface HealthQuestion {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fleet: SweepPart;
  /** As they stood before the stop; null: the database did not answer. */
  readonly states: Readonly<Record<string, number>> | null;
}

/** Beside journals lie the last words of gates, which stay. */
const isJournal = ({ name }: { readonly name: string }): boolean => name.endsWith(".jsonl");

/** A full disk stops Postgres and NATS. */
const freeBytesMin = 1_000_000_000;
/** Only a person brings an account back from there. */
const needsPerson = /^(?:quarantined|unauthorised)/;

export function healthOf({ home, env, fleet, states }: HealthQuestion): readonly Health[] {
  const waiting = fleet.preserved.filter(({ name }) =>
    /^\d+ (?:set-aside messages|replies on their way|messages in the backlog)$/.test(name),
  );
  const journals = entriesOf(join(home, "journal")).filter(isJournal).length;
  const { bavail, bsize } = statfsSync(home);
  return [
    ...(states === null ? [] : [accountHealth(states)]),
    {
      what: "waiting",
      well: !waiting.some(({ name }) => name.includes("set-aside")),
      text: waitingText(
        waiting.map(({ name }) => name),
        states !== null,
      ),
    },
    keyHealth(home, env),
    {
      what: "journals",
      well: true,
      text: journals === 0 ? "all shipped" : `${journals} to ship at the next start`,
    },
    { what: "disk", well: bavail * bsize >= freeBytesMin, text: `${size(bavail * bsize)} free` },
  ];
}

function waitingText(waiting: readonly string[], isKnown: boolean): string {
  if (!isKnown) return "the database was not asked";
  return waiting.length === 0 ? "nothing" : waiting.join(", ");
}

function accountHealth(states: Readonly<Record<string, number>>): Health {
  const all = Object.entries(states);
  return {
    what: "accounts",
    well: !all.some(([state]) => needsPerson.test(state)),
    text: all.length === 0 ? "none" : all.map(([state, n]) => `${n} ${state}`).join(", "),
  };
}

function keyHealth(home: string, env: HealthQuestion["env"]): Health {
  const what = "master key";
  if (env["HOLDFAST_MASTER_KEY"]) return { what, well: true, text: "named by the environment" };
  const file = env["HOLDFAST_MASTER_KEY_FILE"] || join(home, "master.key");
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return { what, well: false, text: `${file} is not there` };
  const isPrivate = (found.mode & 0o077) === 0;
  const text = isPrivate ? `${file}, for its owner alone` : `${file} may be read by others`;
  return { what, well: isPrivate, text };
}

/** What a person does next, the most pressing first. */
export function nextSteps({
  health,
  verified,
  sweep,
}: {
  readonly health: readonly Health[];
  readonly verified: readonly Verified[];
  readonly sweep: SweepReport;
}): readonly string[] {
  const isIll = (what: Health["what"]) => health.some((one) => one.what === what && !one.well);
  return [
    ...(verified.some(({ well }) => well === false)
      ? ["something is left: npx holdfast shutdown --force"]
      : []),
    ...(isIll("disk") ? ["free some disk space before the next start"] : []),
    ...(isIll("master key")
      ? ["put the master key back, with mode 0600, before the next start"]
      : []),
    "start again: npx holdfast start",
    ...(isIll("accounts")
      ? ["then bring the accounts back that need you: npx holdfast status"]
      : []),
    ...(isIll("waiting")
      ? ["then replay what was set aside: npx holdfast conversation replay --all"]
      : []),
    ...(sweep.preserved.some(({ why }) => why.startsWith("younger than 5"))
      ? ["in 5 minutes what is too young now may go: npx holdfast sweep"]
      : []),
  ];
}
