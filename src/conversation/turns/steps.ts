import type { StepStore, TurnKey } from "../../ports/conversation/step-store.ts";

/** Answers what a call of this turn came to; makes it only if nobody knows. */
export type StepRunner = <T>(name: string, call: () => Promise<T> | T) => Promise<T>;

export function createStepRunner(
  store: Pick<StepStore, "find" | "keep">,
  turn: TurnKey,
): StepRunner {
  return async <T>(name: string, call: () => Promise<T> | T): Promise<T> => {
    const known = await store.find(turn, name);
    // What was kept is what the same call of the same bot has answered.
    if (known !== undefined) return known as T;
    return (await store.keep(turn, name, await call())) as T;
  };
}
