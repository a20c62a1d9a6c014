import { describe, expect, it } from "vitest";
import { peersById, underOneOf } from "../../src/commands/peer-by-id.ts";
import { TelegramError } from "../../src/ports/telegram/telegram-error.ts";
import type { ChatPeer, PrivateChat } from "../../src/ports/telegram/telegram.ts";

const chat: PrivateChat = { peer: { userId: "42", accessHash: "-7" }, topMessageId: 1 };
const refused = (code: string) => new TelegramError({ code, kind: "refused", message: code });
const refusing = (code: string) => ({ dialogs: () => Promise.reject(refused(code)) });
const listing = { dialogs: async () => [chat] };
const stored = async () => "5";
const none = async () => null;

describe("the chat of a user by number", () => {
  it("is the dialog of that user, whatever is stored", async () => {
    expect(await peersById(listing, "42", stored)).toEqual([chat.peer]);
    expect(await peersById(listing, "43", none)).toEqual([]);
  });

  it("is that of the stored conversation where the newest dialogs show none", async () => {
    expect(await peersById(listing, "43", stored)).toEqual([{ userId: "43", accessHash: "5" }]);
  });

  it("is that of the stored conversation for a bot, and only then one without an access hash", async () => {
    const bot = refusing("BOT_METHOD_INVALID");
    const without = { userId: "42", accessHash: "0" };
    expect(await peersById(bot, "42", stored)).toEqual([
      { userId: "42", accessHash: "5" },
      without,
    ]);
    expect(await peersById(bot, "42", none)).toEqual([without]);
    expect(await peersById(bot, "42", async () => "0")).toEqual([without]);
  });

  it("is not guessed where Telegram refuses the dialogs for another reason", async () => {
    await expect(peersById(refusing("SESSION_REVOKED"), "42", stored)).rejects.toThrow(
      "SESSION_REVOKED",
    );
  });
});

describe("an address that Telegram refuses", () => {
  const [old, without] = [
    { userId: "42", accessHash: "5" },
    { userId: "42", accessHash: "0" },
  ] as const;
  const tried: ChatPeer[] = [];
  const send = (code: string) => async (peer: ChatPeer) => {
    tried.push(peer);
    if (peer === old) throw refused(code);
    return "sent";
  };

  it("is followed by the next one, and by none for another refusal", async () => {
    expect(await underOneOf([old, without], send("PEER_ID_INVALID"))).toBe("sent");
    await expect(underOneOf([old, without], send("USER_IS_BLOCKED"))).rejects.toThrow(
      "USER_IS_BLOCKED",
    );
    await expect(underOneOf([old], send("PEER_ID_INVALID"))).rejects.toThrow("PEER_ID_INVALID");
    expect(tried).toEqual([old, without, old, old]);
  });
});
