import type { Database } from "../adapters/postgres/database.ts";

const looksMax = 100;
const lookAgainMs = 100;

/** Resolves when no reply waits any more, or after ten seconds: the judge sees the rest. */
export async function settled(database: Database): Promise<void> {
  for (let look = 0; look < looksMax; look += 1) {
    const unsent = await database.query(
      "select from outbox where state in ('pending', 'sending') limit 1",
    );
    if (unsent.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
  }
}
