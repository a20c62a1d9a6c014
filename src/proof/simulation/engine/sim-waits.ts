import type { TelegramWait, WaitStore } from "../../../ports/telegram/waits.ts";
import type { AccountTables } from "./account-tables.ts";
import type { Ask } from "./sim-postgres.ts";

/**
 * The waits that Telegram ordered.
 * @param onRead the process knows these from now on
 */
export function createSimWaits(
  { waits }: AccountTables,
  ask: Ask,
  onRead: (account: string, waits: readonly TelegramWait[]) => void = () => {},
): WaitStore {
  return {
    inForce: (accounts, nowMs) =>
      ask(
        () =>
          new Map(
            accounts.flatMap((account) => {
              const known = [...(waits.get(account)?.values() ?? [])];
              const inForce = known
                .filter(({ untilMs }) => untilMs > nowMs)
                .toSorted((a, b) => b.untilMs - a.untilMs);
              onRead(account, inForce);
              return inForce.length === 0 ? [] : [[account, inForce] as const];
            }),
          ),
        { reads: true },
      ),
    keep: (account, wait, nowMs) =>
      ask(() => {
        const known = waits.get(account) ?? new Map<string, TelegramWait>();
        waits.set(account, known);
        for (const [key, { untilMs }] of known) if (untilMs <= nowMs) known.delete(key);
        const key = `${wait.method} ${wait.chat ?? ""}`;
        const before = known.get(key);
        if (before === undefined || before.untilMs < wait.untilMs) known.set(key, wait);
      }),
  };
}
