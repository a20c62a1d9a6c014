import { describe, expect, it } from "vitest";
import { watching } from "../../src/cli/watch.ts";

/** Shows reports with these exit codes, or their faults; ends after the last. */
async function watch(...reports: readonly (number | Error)[]) {
  const end = new AbortController();
  const told: unknown[] = [];
  let pauses = 0;
  const exitCode = await watching({
    signal: end.signal,
    async show() {
      const report = reports[told.length]!;
      told.push(report);
      if (told.length === reports.length) end.abort();
      if (report instanceof Error) throw report;
      return report;
    },
    async pause() {
      pauses += 1;
    },
    onFault: () => 1,
  });
  return { exitCode, told, pauses };
}

describe("a report that is shown again and again", () => {
  it("ends with the signal, at once, and with the exit code of the last report", async () => {
    expect(await watch(0, 2, 1)).toEqual({ exitCode: 1, told: [0, 2, 1], pauses: 2 });
  });

  it("goes on after one that could not be made", async () => {
    const fault = new Error("NATS is away");
    expect(await watch(0, fault, 2)).toEqual({ exitCode: 2, told: [0, fault, 2], pauses: 2 });
    expect((await watch(0, fault)).exitCode).toBe(1);
  });

  it("shows nothing once the signal has come", async () => {
    const shown: unknown[] = [];
    const exitCode = await watching({
      signal: AbortSignal.abort(),
      show: async () => shown.push("report"),
      pause: async () => {},
      onFault: () => 1,
    });
    expect([exitCode, shown]).toEqual([0, []]);
  });
});
