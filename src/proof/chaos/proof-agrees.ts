import type { Proof } from "../../custody/ledger-proof.ts";

/** What the harness itself did: from when to when it kept a host's gate from running, milliseconds since 1970. */
export interface Sleep {
  readonly host: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A gate looks at the time five times a second; on two busy cores one look may be missed, or a few. */
const lookMsMax = 1_000;

/**
 * What `holdfast prove` says and telegram-dc contradicts; empty when they agree. Account by account, the ledger must
 * find as many overlaps as telegram-dc counts connections that were open at once. What was opened while a gate slept
 * telegram-dc may count or not, as Telegram's side may have closed before; only gates that the harness stopped, and
 * only then, may say that they slept.
 */
export function contradictions(
  { overlaps, asleep }: Pick<Proof, "overlaps" | "asleep">,
  openAtOnce: ReadonlyMap<string, number>,
  sleeps: readonly Sleep[],
): string[] {
  const wrong: string[] = [];
  for (const [account, seen] of openAtOnce) {
    const found = overlaps.filter(([{ account: of }]) => of === account).length;
    const slept = asleep.filter(([{ account: of }]) => of === account).length;
    if (found <= seen && seen <= found + slept) continue;
    wrong.push(
      `${account}: holdfast prove finds ${found} overlaps and ${slept} in a gate's sleep, telegram-dc ${seen}`,
    );
  }
  for (const [first, second] of asleep) {
    const isTrue = sleeps.some(
      ({ host, fromMs, toMs }) =>
        host === first.host &&
        Math.abs(first.knownToMs - fromMs) <= lookMsMax &&
        second.openedMs < toMs,
    );
    if (isTrue) continue;
    wrong.push(
      `${first.account}: ${first.host} says that it slept from ${new Date(first.knownToMs).toISOString()} on, and nobody had stopped it`,
    );
  }
  return wrong;
}
