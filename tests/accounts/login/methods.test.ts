import { describe, expect, it } from "vitest";
import {
  choicesOf,
  loginByDefault,
  loginMethods,
  methods,
  renewalByDefault,
  renewalMethods,
  renewalMethodsFor,
} from "../../../src/accounts/login/methods.ts";

describe("the methods of login", () => {
  it("are offered in their order, but for the one that only an import chooses", () => {
    expect(choicesOf(renewalMethods)).toBe("auto-code, code, qr, handoff, bot-token, or auto");
    expect(choicesOf(loginMethods)).toBe("code, qr, bot-token, or auto");
    expect(loginMethods).toEqual(["code", "qr", "bot-token", "import"]);
  });

  it("log a bot in by its token and a user by a code where none is chosen", () => {
    expect([loginByDefault("bot"), loginByDefault("user")]).toEqual(["bot-token", "code"]);
  });

  it("renew by one that needs nobody where none is chosen", () => {
    const chosen = [renewalByDefault("bot"), renewalByDefault("user")] as const;
    expect(chosen).toEqual(["bot-token", "auto-code"]);
    expect(chosen.map((name) => methods[name].needs)).toEqual(["nobody", "nobody"]);
  });

  it("give a bot its token alone, and a user everything else", () => {
    expect(renewalMethodsFor("bot")).toEqual(["bot-token"]);
    expect(renewalMethodsFor("user")).toEqual(["auto-code", "code", "qr", "handoff"]);
  });
});
