/** The three meanings of "one key used twice at once"; `docs/telegram-dc.md` defines each. */
export const overlapPolicies = ["parallel-requests", "any-two-connections", "by-address"] as const;
export type OverlapPolicy = (typeof overlapPolicies)[number];

/** The figures of the simulated world. Each is a rule of `docs/telegram-truth.md`. */
export interface WorldConfig {
  readonly dcId: number;
  /** The policy that kills a key; the ledger always counts under all three. */
  readonly overlapPolicy: OverlapPolicy | "off";
  /**
   * The scope in which a repeated `random_id` is recognised: the whole account, or the same key
   * only.
   */
  readonly randomIdScope: "user" | "auth-key";
  readonly randomIdsMax: number;
  readonly codeLifeMs: number;
  readonly codeTriesMax: number;
  readonly passwordTriesMax: number;
  readonly loginTokenLifeMs: number;
  /** A session younger than this may not end others. */
  readonly freshSessionMs: number;
  readonly callbackTimeoutMs: number;
  readonly messageLengthMax: number;
  readonly captionLengthMax: number;
  /** Updates in one answer to getDifference. */
  readonly differenceSliceMax: number;
  /** A gap of more updates than this is answered with differenceTooLong. */
  readonly differenceGapMax: number;
  /** Calls of a duplicated key answered 406, and then 401, before the key is destroyed. */
  readonly duplicatedAnswers406: number;
  readonly duplicatedAnswers401: number;
  /** Whether auth.logOut returns a future_auth_token. */
  readonly givesFutureAuthTokens: boolean;
  readonly ledgerRpcMax: number;
  readonly ledgerMessagesMax: number;
  readonly ledgerConnectionsMax: number;
}

const secondMs = 1000;
const hourMs = 3_600 * secondMs;

export const defaultWorldConfig: WorldConfig = {
  dcId: 2,
  overlapPolicy: "parallel-requests",
  randomIdScope: "user",
  randomIdsMax: 100_000,
  codeLifeMs: 300 * secondMs,
  codeTriesMax: 5,
  passwordTriesMax: 10,
  loginTokenLifeMs: 30 * secondMs,
  freshSessionMs: 24 * hourMs,
  callbackTimeoutMs: 10 * secondMs,
  messageLengthMax: 4096,
  captionLengthMax: 1024,
  differenceSliceMax: 100,
  differenceGapMax: 5_000,
  duplicatedAnswers406: 2,
  duplicatedAnswers401: 2,
  givesFutureAuthTokens: false,
  ledgerRpcMax: 20_000,
  ledgerMessagesMax: 200_000,
  ledgerConnectionsMax: 20_000,
};
