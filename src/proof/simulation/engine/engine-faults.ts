import type { Random } from "../random.ts";

/** The server, for everybody. */
const databaseFaults = [
  "db-read-only",
  "db-away",
  "db-broken",
  "db-silent",
  "db-locked",
  "db-slow",
] as const;
const streamFaults = [
  "streams-away",
  "streams-lost",
  "streams-lost",
  "streams-rolled-back",
  "streams-rolled-back",
  "streams-full",
  "acks-lost",
  "acks-lost",
  "answers-lost",
  "stray-message",
] as const;
const hostFaults = ["kill", "kill-at-statement", "kill-at-statement", "leave"] as const;
const accountFaults = [
  "flood-send",
  "flood-difference",
  "flood-difference",
  "wire-breaks",
  "pushes-lost",
  "gap-too-long",
  "flood-history",
  "flood-login",
] as const;
const renewalFaults = [
  "renew",
  "renew-old-key-dies",
  "renew-new-key-dies",
  "renew-database-fails",
  "renew-host-dies",
  "renew-turns-back",
] as const;
export const chatFaults = [
  "chat-failing",
  "chat-blocked",
  "chat-slow",
  "chat-unknown",
  "chat-waits",
] as const;
/** Of a user's messages, and of what the bot makes of them. */
export const userFaults = [
  "burst",
  "poison",
  "retries",
  "late",
  "never",
  "slow-turns",
  "steps",
  "escalates",
  "ends",
  "forget",
  "unwritable",
  "parking-fails",
] as const;

/** Jobs that run beside everything else. */
const jobs = ["retention"] as const;
/** What changes the fleet or its people: each other fault is to meet all of these now and then. */
const changes = [
  "renew",
  "renew",
  "kill",
  "leave",
  "escalates",
  "retention",
  "forget",
] as const satisfies readonly EngineFaultKind[];

export type RenewalFault = (typeof renewalFaults)[number];

export type EngineFaultKind =
  | (typeof databaseFaults)[number]
  | (typeof streamFaults)[number]
  | (typeof hostFaults)[number]
  | (typeof accountFaults)[number]
  | RenewalFault
  | (typeof jobs)[number]
  | (typeof chatFaults)[number]
  | (typeof userFaults)[number];

/** A fault with its time: plain data, so that a failing run can be cut down to the faults that it needs. */
export interface EngineFault {
  readonly atMs: number;
  readonly lastsMs: number;
  readonly kind: EngineFaultKind;
  /** Of what it may concern, the one at this place; in [0, 1). */
  readonly whom: number;
  /** Meaning depends on the kind; in [0, 1). */
  readonly how: number;
}

/** Faults begin and end within this, in milliseconds of virtual time. */
export const faultsFromMs = 6_000;
export const faultsUntilMs = 50_000;

/** Of the fleet's servers and hosts: what rests on all of them at once. */
const fleetFaults = [databaseFaults, streamFaults, hostFaults] as const;

/** Four of ten runs have faults that concern a few: there the rest is watched most closely. */
export function makeEngineFaults(random: Random): readonly EngineFault[] {
  const local = [chatFaults, userFaults, userFaults, accountFaults, renewalFaults] as const;
  const among = random.chance(0.4) ? local : [...fleetFaults, jobs, ...local];
  const faults = Array.from({ length: random.whole(1, 5) }, () => faultAmong(random, among));
  // Among few faults a chance meeting of two is rare: a change comes while another one goes on.
  const met = random.chance(0.3) ? [random.pick(faults)] : [];
  const added = among !== local && random.chance(0.5) ? [faultAmong(random, fleetFaults)] : [];
  const changing = [...met, ...added].map((fault) => meeting(random, fault));
  return [...faults, ...added, ...changing].toSorted((a, b) => a.atMs - b.atMs);
}

function faultAmong(random: Random, among: readonly (readonly EngineFaultKind[])[]): EngineFault {
  const kind = random.pick<EngineFaultKind>(random.pick(among));
  const atMs = random.whole(faultsFromMs, faultsUntilMs - 8_000);
  const lastsMs = random.chance(0.6) ? random.whole(500, 6_000) : random.whole(6_000, 30_000);
  return {
    atMs,
    lastsMs: Math.min(lastsMs, faultsUntilMs - atMs),
    kind,
    whom: random.next(),
    how: random.next(),
  };
}

function meeting(random: Random, { atMs, lastsMs }: EngineFault): EngineFault {
  const beginsMs = Math.max(faultsFromMs, atMs + random.whole(-1_500, Math.min(lastsMs, 6_000)));
  return {
    atMs: beginsMs,
    lastsMs: Math.min(random.whole(1_000, 15_000), faultsUntilMs - beginsMs),
    kind: random.pick<EngineFaultKind>(changes),
    whom: random.next(),
    how: random.next(),
  };
}
