import { vi } from "vitest";

const limits = { timeout: 10_000, interval: 5 };

/** Looks again until `check` no longer throws: for what the data centre or PostgreSQL sees a moment later. */
export async function eventually(check: () => void | Promise<void>): Promise<void> {
  await vi.waitFor(check, limits);
}
