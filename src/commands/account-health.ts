import type { AccountStatus } from "./account-status.ts";

/** An account that a person may want to look at. */
export interface ListedAccount {
  readonly name: string;
  readonly state: string;
  /** The code of its reason; null for none. */
  readonly code: string | null;
}

/** All accounts in figures of a bounded size. */
export interface AccountsHealth {
  /** How many are in each state. */
  readonly states: Readonly<Record<string, number>>;
  readonly notServing: number;
  readonly quarantined: number;
  /** Telegram wants silence of them. */
  readonly cooling: number;
  /** Waits that Telegram ordered and that are in force. */
  readonly waits: number;
  /** The first of those that do not serve, the worst before the others. */
  readonly troubled: readonly ListedAccount[];
  /** The first of those in a state in which a login or a renewal may ask a person. */
  readonly mayAsk: readonly string[];
}

/** States in which an account has a key and uses it. */
export const keyedStates: readonly string[] = [
  "active",
  "active.preparing",
  "draining",
  "verified-idle",
  "renewing",
  "restarting",
  "cooling",
  "paused",
];

/** States in which nothing is wrong: it serves, is renewed, or rests because a person or Telegram wants it. */
export const wellStates: ReadonlySet<string> = new Set([...keyedStates, "stopped"]);

const askingStates: ReadonlySet<string> = new Set(["unauthorised.authorising", "active.preparing"]);
const listMax = 20;

/** The accounts in figures. */
export function accountsHealth(all: readonly AccountStatus[]): AccountsHealth {
  const states = Object.groupBy(all, ({ state }) => state);
  const troubled = all.filter(({ state }) => !wellStates.has(state));
  const waits = all.flatMap((one) => one.waits);
  return {
    states: Object.fromEntries(
      Object.entries(states).map(([state, accounts]) => [state, accounts?.length ?? 0]),
    ),
    notServing: troubled.length,
    quarantined: states["quarantined"]?.length ?? 0,
    cooling: states["cooling"]?.length ?? 0,
    waits: waits.reduce((sum, { chats }) => sum + (chats ?? 1), 0),
    troubled: troubled
      .toSorted((a, b) => badness(a) - badness(b) || a.name.localeCompare(b.name))
      .slice(0, listMax)
      .map(({ name, state, reason }) => ({ name, state, code: reason?.code ?? null })),
    mayAsk: all
      .filter(({ state }) => askingStates.has(state))
      .map(({ name }) => name)
      .slice(0, listMax),
  };
}

/** 0 is the worst. */
const badness = ({ state }: AccountStatus): number =>
  state === "quarantined" ? 0 : state.startsWith("unauthorised") ? 1 : 2;
