import { createHash } from "node:crypto";
import type { ServingKey } from "../../ports/accounts/account-store.ts";
import { waitsForPerson } from "./unattended.ts";

/** When keys are renewed by themselves. All in milliseconds. */
export interface RenewalSchedule {
  readonly everyMs: number;
  /** Each key's turn comes later by up to this, always the same for one key. */
  readonly jitterMs: number;
  /** Minutes of the day, local time, between which none begins; null for always. */
  readonly quiet: { readonly fromMinute: number; readonly toMinute: number } | null;
}

/** An aborted renewal is tried again after this; each further one doubles it, up to a day. */
const againMs = 3_600_000;
const againMsMax = 86_400_000;
const minuteMs = 60_000;
const minutesOfDay = 1440;

/**
 * When the key's next renewal is due, in milliseconds since 1970; never in quiet hours. After an aborted one it waits
 * for as long as Telegram asked at least, and where a person has to do something, for one more period of the schedule.
 */
export function dueAt(key: ServingKey, schedule: RenewalSchedule) {
  const { account, slot, sinceMs, triedMs } = key;
  const hash = createHash("sha256").update(`${account} ${slot}`).digest().readUInt32BE(0);
  const jitterMs = Math.floor((hash / 2 ** 32) * schedule.jitterMs);
  const byAgeMs = sinceMs + schedule.everyMs + jitterMs;
  const afterTryMs = triedMs === null || triedMs < sinceMs ? 0 : triedMs + againMs;
  return afterQuiet(Math.max(byAgeMs, afterTryMs, afterFailure(key, schedule)), schedule.quiet);
}

/** The same moment on every host: it is reckoned from the rows of the renewals. */
function afterFailure(key: ServingKey, { everyMs }: RenewalSchedule): number {
  const { failed } = key;
  if (failed === null) return 0;
  if (waitsForPerson(key)) return failed.atMs + everyMs;
  const { waitSeconds = 0 } = failed.reason;
  const restMs = Math.min(againMs * 2 ** (failed.times - 1), againMsMax);
  return failed.atMs + Math.max(waitSeconds * 1000, restMs);
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
