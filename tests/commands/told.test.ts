import { describe, expect, it } from "vitest";
import { told } from "../../src/commands/told.ts";
import type { TelegramFault } from "../../src/ports/telegram/telegram.ts";
import { TelegramError } from "../../src/ports/telegram/telegram-error.ts";

const refusalOf = (fault: TelegramFault) =>
  told({ name: "desk" }, () => Promise.reject(new TelegramError(fault)));

describe("a refused call", () => {
  it("is not called Telegram's refusal where Telegram was not asked", async () => {
    await expect(
      refusalOf({
        code: "CALL_MALFORMED",
        kind: "refused",
        message:
          "nothing was sent: users.getUsers cannot be written: items.forEach is not a function",
      }),
    ).rejects.toMatchObject({
      code: "CALL_MALFORMED",
      message: expect.stringMatching(/^The call was not made: CALL_MALFORMED/),
      next: expect.stringContaining("camel case"),
      policy: "terminal",
    });
  });

  it("is not called so either under a wait that was known already", async () => {
    await expect(
      refusalOf({
        code: "FLOOD_WAIT",
        kind: "flood",
        waitSeconds: 30,
        asked: false,
        message: "Telegram was not asked: messages.getHistory of desk rests until tomorrow",
      }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/^The call was not made: FLOOD_WAIT/),
      next: "Wait 30 s, then try again.",
    });
  });

  it("is called so where it was, with the way that a bot has instead", async () => {
    await expect(
      refusalOf({
        code: "BOT_METHOD_INVALID",
        kind: "refused",
        message: "Telegram answered 400 BOT_METHOD_INVALID",
      }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/^Telegram refused: BOT_METHOD_INVALID/),
      next: expect.stringContaining("npx holdfast conversation list"),
    });
  });

  it("carries the wait that Telegram asked for", async () => {
    await expect(
      refusalOf({
        code: "FLOOD_WAIT",
        kind: "flood",
        waitSeconds: 30,
        message: "Telegram answered",
      }),
    ).rejects.toMatchObject({
      policy: "retryable",
      waitSeconds: 30,
      next: "Wait 30 s, then try again.",
    });
  });
});
