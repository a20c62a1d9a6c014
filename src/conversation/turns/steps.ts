import type { StepRunner } from "../../ports/conversation/bot-runner.ts";
import type { StepStore, TurnKey } from "../../ports/conversation/step-store.ts";

/**
 * The steps of one turn, for all runs of its handler in this process. A run that asks for a step which an earlier run
 * has under way gets the outcome of that. An outcome that the store could not take is kept here and offered again.
 */
export function createStepRunner(
  store: Pick<StepStore, "find" | "keep">,
  turn: TurnKey,
): StepRunner {
  const underWay = new Map<string, Promise<unknown>>();
  const made = new Map<string, unknown>();

  async function take(name: string, call: () => unknown): Promise<unknown> {
    if (!made.has(name)) {
      const known = await store.find(turn, name);
      if (known !== undefined) return known;
      made.set(name, (await call()) ?? null);
    }
    const kept = await store.keep(turn, name, made.get(name));
    made.delete(name);
    return kept;
  }

  return async <T>(name: string, call: () => Promise<T> | T): Promise<T> => {
    let taking = underWay.get(name);
    if (taking === undefined) {
      taking = take(name, call).finally(() => underWay.delete(name));
      underWay.set(name, taking);
    }
    // The outcome comes from the same call of the same bot.
    return (await taking) as T;
  };
}
