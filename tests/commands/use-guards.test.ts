import { describe, expect, it } from "vitest";
import { checkMethod, redact } from "../../src/commands/use-guards.ts";

describe("calls of others", () => {
  it.each([
    "auth.logOut",
    "auth.sendCode",
    "account.deleteAccount",
    "invokeWithLayer",
    "initConnection",
  ])("may not change the session itself by %s", (method) => {
    expect(() => checkMethod(method)).toThrow(
      expect.objectContaining({ code: "METHOD_FORBIDDEN" }),
    );
  });

  it.each(["messages.getHistory", "users.getUsers", "account.getAuthorizations", "help.getConfig"])(
    "may use %s",
    (method) => {
      expect(() => checkMethod(method)).not.toThrow();
    },
  );

  it("never see what Telegram's service account writes (I7)", () => {
    const code = "Login code: 12345";
    const messages = [
      { _: "message", peerId: { _: "peerUser", userId: 777000 }, message: code },
      { _: "message", fromId: { _: "peerUser", userId: 777000 }, message: code },
      { _: "updateShortMessage", userId: 777000, message: code },
      { _: "message", peerId: { _: "peerUser", userId: 42 }, message: "hello" },
    ];
    const seen = JSON.stringify(redact({ _: "messages.messages", messages }));
    expect(seen).not.toContain("12345");
    expect(seen).toContain("hello");
  });
});
