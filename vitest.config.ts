import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    globalSetup: ["tests/support/global-setup.ts"],
    expect: { requireAssertions: true },
    restoreMocks: true,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
