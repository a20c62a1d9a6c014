import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { rawMethods } from "../../src/commands/raw-methods.ts";
import { rawCallVerdict } from "../../src/commands/raw-verdict.ts";
import { checkRawCall } from "../../src/commands/use-guards.ts";

const { resolve } = createRequire(import.meta.url);
const textOf = (module: string) => readFileSync(resolve(module), "utf8");

interface Entry {
  readonly kind: string;
  readonly name: string;
}

function mtcuteMethods(): readonly string[] {
  const { e } = JSON.parse(textOf("@mtcute/core/tl/api-schema.json")) as { e: readonly Entry[] };
  return e.flatMap(({ kind, name }) => (kind === "method" ? [name] : []));
}

function gramJsMethods(): readonly string[] {
  const [, functions = ""] = textOf("telegram/tl/apiTl.js").split("---functions---");
  return [...functions.matchAll(/^([\w.]+)#/gm)].map(([, name]) => name!);
}

const listed = Object.values(rawMethods).flatMap((spaces) =>
  Object.entries(spaces).flatMap(([space, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name) => `${space}.${name}`),
  ),
);
/** Refused as a whole: the session itself, wrappers, and a stand-in of the library. */
const isWhollyRefused = (name: string) => /^(?:auth\.|mtcute\.|[^.]+$)/.test(name);

describe("the list of raw methods", () => {
  it.each([
    ["mtcute", mtcuteMethods()],
    ["GramJS", gramJsMethods()],
  ])("has every method of the schema of %s", (_library, methods) => {
    expect(methods.length).toBeGreaterThan(500);
    const unlisted = methods.filter((name) => !isWhollyRefused(name) && !listed.includes(name));
    expect(unlisted).toEqual([]);
  });

  it("has each method once, and none that no schema knows", () => {
    const known = new Set([...mtcuteMethods(), ...gramJsMethods()]);
    expect(listed.filter((name) => !known.has(name))).toEqual([]);
    expect(listed.filter((name, at) => listed.indexOf(name) !== at)).toEqual([]);
  });

  it.each([
    "auth.logOut",
    "auth.sendCode",
    "auth.acceptLoginToken",
    "account.deleteAccount",
    "account.registerPasskey",
    "account.initPasskeyRegistration",
    "account.sendVerifyEmailCode",
    "account.verifyEmail",
    "account.updatePasswordSettings",
    "account.resetPassword",
    "account.acceptAuthorization",
    "account.registerDevice",
    "channels.editCreator",
    "bots.exportBotToken",
    "messages.translateText",
    "invokeWithLayer",
    "initConnection",
    "mtcute.customMethod",
    "messages.getHistoryOfTomorrow",
    "constructor",
    "__proto__",
  ])("refuses %s to every role", (method) => {
    expect(() => checkRawCall({ method, role: "owner" })).toThrow(
      expect.objectContaining({ code: "METHOD_FORBIDDEN" }),
    );
  });

  it.each([
    ["read", "messages.getHistory", "read"],
    ["send", "messages.sendMessage", "read"],
    ["send", "messages.forwardMessages", "read"],
    ["owner", "account.setAccountTTL", "send"],
    ["owner", "account.setAccountTTL", "operate"],
    ["owner", "payments.sendStarsForm", "operate"],
    ["owner", "messages.deleteHistory", "operate"],
    ["owner", "contacts.deleteContacts", "send"],
  ] as const)("says that the role %s is needed for %s, to one with %s", (needs, method, role) => {
    expect(rawCallVerdict({ method, role: needs })).toMatchObject({ needs, allowed: true });
    if (role === needs) return;
    expect(() => checkRawCall({ method, role })).toThrow(`needs the role ${needs}`);
  });

  it("demands an owner where a parameter spends stars", () => {
    const spending = { method: "messages.sendMessage", params: { allowPaidStars: { $long: "5" } } };
    expect(rawCallVerdict({ ...spending, role: "operate" })).toMatchObject({ allowed: false });
    expect(rawCallVerdict({ ...spending, role: "owner" })).toMatchObject({ allowed: true });
  });

  it.each([
    "messages.getBotCallbackAnswer",
    "messages.getMessagesViews",
    "messages.getInlineBotResults",
    "messages.setTyping",
    "messages.readHistory",
    "messages.exportChatInvite",
    "contacts.getLocated",
  ])("says that %s is seen by others, so that a paused account may not call it", (method) => {
    expect(rawCallVerdict({ method, role: "owner" })).toMatchObject({ sends: true });
  });

  it.each(["messages.getHistory", "users.getUsers", "help.getConfig", "upload.getFile"])(
    "says that %s changes nothing",
    (method) => {
      expect(rawCallVerdict({ method, role: "read" })).toMatchObject({
        allowed: true,
        sends: false,
      });
    },
  );
});
