import { defineConfig } from "vitest/config";

const common = {
  // A second, which is the default, is too short for real servers on a busy machine.
  expect: { requireAssertions: true, poll: { timeout: 10_000 } },
  restoreMocks: true,
  testTimeout: 30_000,
  hookTimeout: 60_000,
};
const globalSetup = ["tests/fixtures/global-setup.ts"];
/** Kinds follow one another: programs that a spec starts do not meet specs that only ask servers. */
const inOrder = (groupOrder: number) => ({ maxWorkers: 2, sequence: { groupOrder } });

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          ...inOrder(0),
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
          ...inOrder(0),
          name: "services",
          include: ["tests/**/*.services.test.ts"],
          globalSetup,
        },
      },
      {
        test: {
          ...common,
          ...inOrder(1),
          name: "processes",
          include: ["tests/**/*.processes.test.ts"],
          globalSetup,
        },
      },
      {
        test: {
          ...common,
          ...inOrder(2),
          name: "attacks",
          include: ["tests/**/*.attacks.test.ts"],
          globalSetup,
        },
      },
    ],
  },
});
