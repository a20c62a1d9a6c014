import { createHash } from "node:crypto";
import type { ServingKey } from "../../ports/accounts/account-store.ts";

/** When keys are renewed by themselves. All in milliseconds. */
export interface RenewalSchedule {
  readonly everyMs: number;
  /** Each key's turn comes later by up to this, always the same for one key. */
  readonly jitterMs: number;
  /** Minutes of the day, local time, between which none begins; null for always. */
  readonly quiet: { readonly fromMinute: number; readonly toMinute: number } | null;
}

/** An aborted renewal is tried again after this. */
const againMs = 3_600_000;
const minuteMs = 60_000;
const minutesOfDay = 1440;

/** When the key's next renewal is due, in milliseconds since 1970; never in quiet hours. */
export function dueAt({ account, slot, sinceMs, triedMs }: ServingKey, schedule: RenewalSchedule) {
  const hash = createHash("sha256").update(`${account} ${slot}`).digest().readUInt32BE(0);
  const jitterMs = Math.floor((hash / 2 ** 32) * schedule.jitterMs);
  const byAgeMs = sinceMs + schedule.everyMs + jitterMs;
  const wantedMs =
    triedMs === null || triedMs < sinceMs ? byAgeMs : Math.max(byAgeMs, triedMs + againMs);
  return afterQuiet(wantedMs, schedule.quiet);
}

/** `atMs`, or the end of the quiet hours that it falls in. */
export function afterQuiet(atMs: number, quiet: RenewalSchedule["quiet"]): number {
  if (quiet === null) return atMs;
  const at = new Date(atMs);
  const minute = at.getHours() * 60 + at.getMinutes();
  const { fromMinute, toMinute } = quiet;
  const sinceFrom = (minute - fromMinute + minutesOfDay) % minutesOfDay;
  const lasts = (toMinute - fromMinute + minutesOfDay) % minutesOfDay;
  if (sinceFrom >= lasts) return atMs;
  const end = new Date(atMs);
  end.setHours(at.getHours(), at.getMinutes() + (lasts - sinceFrom), 0, 0);
  return Math.max(end.getTime(), atMs + minuteMs / 60);
}
