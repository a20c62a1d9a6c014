import { vi } from "vitest";

/**
 * Polls until `check` no longer throws, for at most `waitMs`: the data centre and PostgreSQL may
 * see a change a moment later.
 */
export async function eventually(waitMs: number, check: () => void | Promise<void>): Promise<void> {
  await vi.waitFor(check, { timeout: waitMs, interval: 5 });
}
