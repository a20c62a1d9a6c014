import { defineConfig } from "vitest/config";

const common = {
  expect: { requireAssertions: true },
  restoreMocks: true,
  testTimeout: 30_000,
  hookTimeout: 60_000,
};
const globalSetup = ["tests/fixtures/global-setup.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: "pure",
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/**/*.{services,processes,attacks}.test.ts"],
          isolate: false,
          pool: "threads",
        },
      },
      {
        test: {
          ...common,
          name: "services",
          include: ["tests/**/*.services.test.ts"],
          globalSetup,
        },
      },
      {
        test: {
          ...common,
          name: "processes",
          include: ["tests/**/*.processes.test.ts"],
          globalSetup,
        },
      },
      {
        test: {
          ...common,
          name: "attacks",
          include: ["tests/**/*.attacks.test.ts"],
          globalSetup,
        },
      },
    ],
  },
});
