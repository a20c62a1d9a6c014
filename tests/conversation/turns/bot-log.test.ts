import { describe, expect, it } from "vitest";
import { createBotLog } from "../../../src/ports/conversation/bounded-log.ts";
import type { BotLogLine } from "../../../src/ports/conversation/bot-log.ts";

function written(write: (log: ReturnType<typeof createBotLog>) => void): readonly BotLogLine[] {
  const lines: BotLogLine[] = [];
  write(createBotLog((line) => void lines.push(line)));
  return lines;
}

describe("the log of a bot", () => {
  it("gives each line with its level and a copy of its fields, at once", () => {
    const fields = { town: "Nice", tries: [1] };
    const lines = written((log) => {
      log.debug("asked", fields);
      fields.tries.push(2);
      log.error("failed");
    });
    expect(lines).toEqual([
      { level: "debug", message: "asked", fields: { town: "Nice", tries: [1] } },
      { level: "error", message: "failed", fields: {} },
    ]);
  });

  it("shows an error with its stack, and what JSON cannot hold as text", () => {
    const [line] = written((log) => log.warn("odd", { error: new Error("no shop"), big: 7n }));
    expect(line!.fields).toMatchObject({
      big: "7",
      error: { message: "no shop", stack: expect.stringContaining("bot-log.test.ts") },
    });
  });

  it("cuts long lines and long fields", () => {
    const [line] = written((log) => log.info("x".repeat(9_999), { body: "y".repeat(9_999) }));
    expect(line!.message).toHaveLength(2_000);
    expect(line!.message.endsWith("…")).toBe(true);
    expect(String(line!.fields["cut"])).toHaveLength(4_000);
  });

  it("leaves lines out beyond a hundred, and says so once", () => {
    const lines = written((log) => {
      for (let line = 0; line < 500; line += 1) log.info(`line ${line}`);
    });
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toMatchObject({ level: "warn", message: expect.stringMatching(/100/) });
  });

  it("fails over nothing", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(written((log) => log.info("round", circle))).toMatchObject([{ message: "round" }]);
  });
});
