import type { StepStore, TurnKey } from "../../ports/conversation/step-store.ts";

/** Answers the outcome of one call of this turn; makes the call only if no outcome is known. */
export type StepRunner = <T>(name: string, call: () => Promise<T> | T) => Promise<T>;

export function createStepRunner(
  store: Pick<StepStore, "find" | "keep">,
  turn: TurnKey,
): StepRunner {
  return async <T>(name: string, call: () => Promise<T> | T): Promise<T> => {
    const known = await store.find(turn, name);
    // The kept outcome comes from the same call of the same bot.
    if (known !== undefined) return known as T;
    return (await store.keep(turn, name, await call())) as T;
  };
}
