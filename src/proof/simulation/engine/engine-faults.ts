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
  "streams-rolled-back",
  "streams-full",
  "acks-lost",
  "acks-lost",
  "stray-message",
] as const;
const hostFaults = ["kill", "kill-at-statement", "kill-at-statement", "leave"] as const;
const accountFaults = [
  "flood-send",
  "flood-difference",
  "wire-breaks",
  "pushes-lost",
  "gap-too-long",
  "renew",
  "renew",
  "renew-old-key-dies",
  "renew-new-key-dies",
] as const;
const chatFaults = [
  "chat-failing",
  "chat-blocked",
  "chat-slow",
  "chat-unknown",
  "chat-waits",
] as const;
/** Of a user's messages, and of what the bot makes of them. */
const userFaults = [
  "burst",
  "poison",
  "retries",
  "late",
  "never",
  "slow-turns",
  "steps",
  "escalates",
  "ends",
  "unwritable",
  "parking-fails",
] as const;

export type EngineFaultKind =
  | (typeof databaseFaults)[number]
  | (typeof streamFaults)[number]
  | (typeof hostFaults)[number]
  | (typeof accountFaults)[number]
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

/** Two of three runs have faults that concern a few: there the rest is watched most closely. */
export function makeEngineFaults(random: Random): readonly EngineFault[] {
  const local = [chatFaults, userFaults, userFaults, accountFaults] as const;
  const all = [databaseFaults, streamFaults, hostFaults, ...local] as const;
  const among = random.chance(0.4) ? local : all;
  return Array.from({ length: random.whole(1, 5) }, () => {
    const kind: EngineFaultKind = random.pick<EngineFaultKind>(
      random.pick<readonly EngineFaultKind[]>(among),
    );
    const atMs = random.whole(faultsFromMs, faultsUntilMs - 8_000);
    const lastsMs = random.chance(0.6) ? random.whole(500, 6_000) : random.whole(6_000, 30_000);
    return {
      atMs,
      lastsMs: Math.min(lastsMs, faultsUntilMs - atMs),
      kind,
      whom: random.next(),
      how: random.next(),
    };
  }).toSorted((a, b) => a.atMs - b.atMs);
}
