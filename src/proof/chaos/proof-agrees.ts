import type { Proof } from "../../custody/ledger-proof.ts";

/** The harness's own record: when it kept a host's gate from running, milliseconds since 1970. */
export interface Sleep {
  readonly host: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A gate looks at the time five times a second; on two busy cores it may miss some looks. */
const lookMsMax = 1_000;

/**
 * Contradictions between `holdfast prove` and telegram-dc; empty when they agree. Account by
 * account, the ledger must find as many overlaps as telegram-dc counts connections open at once.
 * For connections opened while a gate slept, telegram-dc's count may differ, as Telegram's side may
 * have closed before. Only gates stopped by the harness, and only then, may say that they slept.
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
      `${first.account}: ${first.host} says that it slept from ${new Date(first.knownToMs).toISOString()} on, and the harness had not stopped it`,
    );
  }
  return wrong;
}
