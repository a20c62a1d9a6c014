import { vi } from "vitest";

/**
 * Looks again until `check` no longer throws, for at most `waitMs`: for what the data centre or PostgreSQL sees a
 * moment later.
 */
export async function eventually(waitMs: number, check: () => void | Promise<void>): Promise<void> {
  await vi.waitFor(check, { timeout: waitMs, interval: 5 });
}
