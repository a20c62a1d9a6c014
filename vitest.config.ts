import { defineConfig } from "vitest/config";

const common = {
  // A second, which is the default, is too short for real servers on a busy machine.
  expect: { requireAssertions: true, poll: { timeout: 10_000 } },
  restoreMocks: true,
  testTimeout: 30_000,
  hookTimeout: 60_000,
};
const globalSetup = ["tests/fixtures/global-setup.ts"];
/** Specs of one process wait for servers most of the time. Those that start programs have the machine to themselves. */
const besideOthers = { maxWorkers: 2, sequence: { groupOrder: 0 } };
const alone = { maxWorkers: 1, sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          ...besideOthers,
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
          ...besideOthers,
          name: "services",
          include: ["tests/**/*.services.test.ts"],
          globalSetup,
        },
      },
      {
        test: {
          ...common,
          ...alone,
          name: "processes",
          include: ["tests/**/*.processes.test.ts"],
          globalSetup,
        },
      },
      {
        test: {
          ...common,
          ...alone,
          name: "attacks",
          include: ["tests/**/*.attacks.test.ts"],
          globalSetup,
        },
      },
    ],
  },
});
