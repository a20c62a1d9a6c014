import { describe, expect, it } from "vitest";
import { byTypedCode } from "../../../src/accounts/login/by-code.ts";
import { createPrompts } from "../../../src/accounts/login/prompts.ts";
import type { SignInParts } from "../../../src/accounts/login/sign-in-parts.ts";

/** A login whose questions are answered with these, one after the other. */
async function login(via: string, answers: readonly string[]) {
  const asked: string[] = [];
  const wrong: string[] = [];
  const left = [...answers];
  const prompts = createPrompts((question) => {
    queueMicrotask(() => prompts.answer("login-1", question.kind, left.shift() ?? ""));
  });
  const client = {
    requestCode: async () => ({ codeHash: "hash", via, length: 5 }),
    signIn: async ({ code }: { readonly code: string }) => void asked.push(code),
  };
  const parts = {
    of: "login-1",
    client,
    credentials: { kind: "user", phone: "+33612345601" },
    prompts,
    signal: new AbortController().signal,
    onCodeRequested: () => {},
    onWrong: (what: string) => void wrong.push(what),
  } as unknown as SignInParts;
  const error: unknown = await byTypedCode(parts).catch((cause: unknown) => cause);
  return { asked, wrong, error };
}

describe("a typed login code", () => {
  it("reaches Telegram as its digits, however it was typed", async () => {
    expect(await login("app", ["Login code: \u06f1\u06f2 \u06f3-45.\r\n"])).toEqual({
      asked: ["12345"],
      wrong: [],
      error: undefined,
    });
  });

  it("of words reaches Telegram as words", async () => {
    expect(await login("words", ["  red  apple\n"])).toMatchObject({ asked: ["red apple"] });
  });

  it("that holds no digit is asked for again, and costs none of Telegram's tries", async () => {
    const { asked, wrong } = await login("sms", ["hello", "12345"]);
    expect(asked).toEqual(["12345"]);
    expect(wrong).toEqual(["no code stood in what was typed"]);
  });

  it("that never holds a digit ends the login, and Telegram is not asked", async () => {
    const { asked, error } = await login("sms", ["a", "b", "c"]);
    expect(asked).toEqual([]);
    expect(error).toMatchObject({ fault: { code: "CODE_MISSING" } });
  });
});
