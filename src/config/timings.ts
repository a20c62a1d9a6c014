export type Profile = "development" | "production";

export const timingNames = [
  "heartbeatMs",
  "casTimeoutMs",
  "retryMs",
  "softStopMs",
  "holdMs",
  "suspectMs",
  "takeMs",
  "connectMs",
  "drainMs",
  "disconnectMs",
  "idleVerifyMs",
  "restartVerifyMs",
  "preparingMs",
  "tenureMs",
  "restMs",
  "answerMs",
  "hangMs",
] as const;

export type TimingName = (typeof timingNames)[number];
/** All in milliseconds. */
export type Timings = Readonly<Record<TimingName, number>>;

const production: Timings = {
  heartbeatMs: 2_000,
  casTimeoutMs: 800,
  retryMs: 500,
  softStopMs: 18_000,
  holdMs: 20_000,
  suspectMs: 10_000,
  takeMs: 30_000,
  connectMs: 20_000,
  drainMs: 15_000,
  disconnectMs: 10_000,
  idleVerifyMs: 30_000,
  restartVerifyMs: 20_000,
  preparingMs: 600_000,
  tenureMs: 60_000,
  restMs: 250,
  answerMs: 2_000,
  hangMs: 5_000,
};

/**
 * Custody times are a quarter as long, for one server on the same machine. Waits for Telegram or a
 * person stay.
 */
const development: Timings = {
  ...production,
  heartbeatMs: 500,
  casTimeoutMs: 200,
  retryMs: 125,
  softStopMs: 4_500,
  holdMs: 5_000,
  suspectMs: 2_500,
  takeMs: 7_500,
  connectMs: 5_000,
  tenureMs: 5_000,
  hangMs: 2_000,
};

export const timingsOf: Readonly<Record<Profile, Timings>> = { development, production };

export const timingMeanings: Readonly<Record<TimingName, string>> = {
  heartbeatMs: "the host renews its lease this often",
  casTimeoutMs: "a renewal without an answer is given up after this",
  retryMs: "a failed renewal is tried again after this",
  softStopMs:
    "without a renewal for this long, no call begins any more, so that none is under way at the cut",
  holdMs: "without a renewal for this long, every socket is cut and the lease is dead for ever",
  suspectMs: "a host that is silent for this long is suspected",
  takeMs: "after a revocation, the wait before another host may take the token",
  connectMs: "a granted token that is not connected within this returns",
  drainMs: "calls in flight may finish within this",
  disconnectMs: "connections must have closed within this",
  idleVerifyMs: "proof that nothing uses the old key must come within this",
  restartVerifyMs: "the new key must have answered within this",
  tenureMs: "an account that moved to a host stays there at least this long, unless the host goes",
  restMs: "after a cut with requests under way, the wait before a new connection may open",
  answerMs:
    "after a cut that Telegram may not have seen, the wait for it to end what it was working on",
  hangMs: "a node that gives its gate no sign of life for this long is ended and replaced",
  preparingMs: "a new key must be authorised within this, the wait for a person included",
};

/** `holdMs` → HOLDFAST_T_HOLD_MS. */
export const timingVariable = (name: TimingName): string =>
  `HOLDFAST_T_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
