import type { Clock } from "../concurrency/clock.ts";
import { errorCodeOf, errorLine } from "../errors.ts";

/** Tells failures of bots to who looks on: each kind at once, its repetitions as a number. */
export interface BotFaults {
  report(bot: string, error: unknown): void;
}

/** A kind is told again after so long. */
const quietMs = 30_000;
/** Kinds that are remembered; the oldest go first. */
const kindsMax = 200;
const positions = /\d+/g;

export function createBotFaults(
  clock: Pick<Clock, "monotonicMs">,
  tell: (line: string) => void,
): BotFaults {
  const told = new Map<string, { atMs: number; untold: number }>();
  return {
    report(bot, error) {
      const line = errorLine(error);
      // One that names a user or a time is no kind of its own.
      const kind = `${bot} ${errorCodeOf(error)} ${line.replaceAll(positions, "0")}`;
      const nowMs = clock.monotonicMs();
      const last = told.get(kind);
      if (last !== undefined && nowMs - last.atMs < quietMs) return void (last.untold += 1);
      const more =
        last === undefined || last.untold === 0 ? "" : ` (${last.untold} times more since)`;
      told.delete(kind);
      told.set(kind, { atMs: nowMs, untold: 0 });
      const [oldest] = told.keys();
      if (told.size > kindsMax && oldest !== undefined) told.delete(oldest);
      tell(`bot ${bot}: ${errorCodeOf(error)}: ${line}${more}`);
    },
  };
}
