import { HoldfastError } from "../errors.ts";

/** States in which an account stays until a person acts, and that person's next command. */
const remedies: readonly (readonly [RegExp, (account: string) => string])[] = [
  [/^paused/, (account) => `It is silent until: npx holdfast resume ${account}`],
  [/^unauthorised/, (account) => `It has no login; log it in with: npx holdfast auth ${account}`],
  [
    /^quarantined/,
    (account) => `Its key is dead; make a new one with: npx holdfast recover ${account}`,
  ],
  [/^stop/, (account) => `Start it again with: npx holdfast resume ${account}`],
];

/** An account's state lets no such call through. `untilMs`: Telegram asked for silence until then; null: it did not. */
export function busyAccount(
  account: string,
  state: string,
  untilMs: number | null,
  nowMs: number,
): HoldfastError {
  const until =
    untilMs === null ? "" : ` until ${new Date(untilMs).toISOString()}, as Telegram asked,`;
  const waitSeconds =
    untilMs === null ? undefined : Math.max(1, Math.ceil((untilMs - nowMs) / 1000));
  const remedy = remedies.find(([pattern]) => pattern.test(state))?.[1](account);
  return new HoldfastError({
    code: "ACCOUNT_BUSY",
    message: `${account} is ${state}${until} and takes no such call now; nothing was sent.`,
    next:
      remedy ??
      (waitSeconds === undefined
        ? `Try again in a moment; look at it with: npx holdfast status ${account}`
        : `Try again in ${waitSeconds} s.`),
    policy: "retryable",
    waitSeconds,
  });
}
