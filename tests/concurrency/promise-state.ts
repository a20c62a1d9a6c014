/** How far a promise is, once everything that is settled already has run to its next wait. */
export async function stateOf(
  promise: Promise<unknown>,
): Promise<"pending" | "resolved" | "rejected"> {
  let state: "pending" | "resolved" | "rejected" = "pending";
  promise.then(
    () => (state = "resolved"),
    () => (state = "rejected"),
  );
  await settled();
  return state;
}

/** Resolves when no promise that is settled already has anything left to run. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
