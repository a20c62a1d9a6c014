import { clockDrift, silentAfterMs } from "../ports/custody/hold-promise.ts";
import type { Fault } from "./faults.ts";
import { type TimingName, type Timings, timingVariable } from "./timings.ts";

interface Inequality {
  /** The fault is reported under this variable. */
  readonly of: TimingName;
  readonly holds: (t: Timings) => boolean;
  readonly rule: string;
  readonly why: string;
}

const inequalities: readonly Inequality[] = [
  {
    of: "takeMs",
    holds: (t) => t.takeMs > silentAfterMs(t),
    rule: `takeMs must be greater than holdMs × ${clockDrift} + answerMs`,
    why: "or a token could be taken while its holder may still connect, or while Telegram works on what it sent last",
  },
  {
    of: "answerMs",
    holds: (t) => t.restMs <= t.answerMs,
    rule: "restMs must not be greater than answerMs",
    why: "or a cut that is known would be waited for longer than one that is not",
  },
  {
    of: "softStopMs",
    holds: (t) => t.softStopMs < t.holdMs,
    rule: "softStopMs must be less than holdMs",
    why: "or nothing could close in good order before the cut",
  },
  {
    of: "softStopMs",
    holds: (t) => t.heartbeatMs + t.casTimeoutMs < t.softStopMs,
    rule: "heartbeatMs + casTimeoutMs must be less than softStopMs",
    why: "or one slow renewal would stop a healthy host",
  },
  {
    of: "retryMs",
    holds: (t) => t.retryMs <= t.heartbeatMs,
    rule: "retryMs must not be greater than heartbeatMs",
    why: "or a failed renewal would be repeated later than the next one is due",
  },
  {
    of: "suspectMs",
    holds: (t) => t.suspectMs > t.heartbeatMs + t.casTimeoutMs,
    rule: "suspectMs must be greater than heartbeatMs + casTimeoutMs",
    why: "or healthy hosts would be suspected",
  },
];

/**
 * Lists the custody rules that these times break. Source: docs/architecture/custody.md, on
 * takeover.
 */
export function brokenInequalities(timings: Timings): readonly Fault[] {
  return inequalities
    .filter(({ holds }) => !holds(timings))
    .map(({ of, rule, why }) => ({
      variable: timingVariable(of),
      problem: `${rule}, ${why}; the values are ${valuesIn(rule, timings)}.`,
      remedy: "Change one of them, or unset them for the profile's own.",
    }));
}

function valuesIn(rule: string, timings: Timings): string {
  const named = Object.entries(timings).filter(([name]) => rule.includes(name));
  return named.map(([name, value]) => `${name} ${value}`).join(", ");
}
