import { describe, expect, it } from "vitest";
import { peerById } from "../../src/commands/peer-by-id.ts";
import { TelegramError } from "../../src/ports/telegram/telegram-error.ts";
import type { PrivateChat } from "../../src/ports/telegram/telegram.ts";

const chat: PrivateChat = { peer: { userId: "42", accessHash: "-7" }, topMessageId: 1 };
const refusing = (code: string) => ({
  dialogs: () => Promise.reject(new TelegramError({ code, kind: "refused", message: code })),
});

describe("the chat of a user by number", () => {
  it("is the dialog of that user", async () => {
    expect(await peerById({ dialogs: async () => [chat] }, "42")).toEqual(chat.peer);
    expect(await peerById({ dialogs: async () => [chat] }, "43")).toBeNull();
  });

  it("needs no dialog for a bot, and no access hash", async () => {
    expect(await peerById(refusing("BOT_METHOD_INVALID"), "42")).toEqual({
      userId: "42",
      accessHash: "0",
    });
  });

  it("is not guessed where Telegram refuses the dialogs for another reason", async () => {
    await expect(peerById(refusing("SESSION_REVOKED"), "42")).rejects.toThrow("SESSION_REVOKED");
  });
});
