import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { createPrompts } from "../../../src/accounts/login/prompts.ts";
import { signIn } from "../../../src/accounts/login/sign-in.ts";
import type { SignInParts } from "../../../src/accounts/login/sign-in-parts.ts";
import { refused } from "../../../src/ports/telegram/telegram-error.ts";
import { countedClock } from "../../fixtures/counted-clock.ts";
import { settled } from "../../fixtures/promise-state.ts";

const expiresMs = 30_000;

type Client = Pick<SignInParts["client"], "loginToken" | "requestCode" | "signIn">;

/** A sign-in of a user whose client does as the test says; no other call of it is made here. */
function openSignIn(method: SignInParts["method"], client: Partial<Client>) {
  const { clock, timers } = countedClock();
  const prompts = createPrompts(() => {});
  const visit = new AbortController();
  const wakes: (() => void)[] = [];
  const parts: SignInParts = {
    of: "login",
    method,
    client: client as SignInParts["client"],
    credentials: { kind: "user", phone: "+33100000001" },
    prompts,
    clock,
    signal: visit.signal,
    keptPassword: async () => null,
    approve: async () => {},
    onCodeRequested: () => {},
    sealUrl: () => ({ from: "", box: "" }),
    untilAccepted: () => new Promise((resolve) => wakes.push(resolve)),
    onWrong: () => {},
  };
  const listeners = () => getEventListeners(visit.signal, "abort").length;
  return { parts, clock, timers, prompts, visit, listeners, accept: () => wakes.at(-1)?.() };
}

describe("a sign-in by QR code", () => {
  it("shows the next code when one has expired, and leaves no listener behind for any of them", async () => {
    let shown = 0;
    const { parts, clock, prompts, listeners } = openSignIn("qr", {
      async loginToken() {
        if (shown === 20) return null;
        shown += 1;
        return { token: Uint8Array.of(shown), expiresAtMs: clock.now() + expiresMs };
      },
    });
    const done = signIn(parts);
    for (let n = 1; n <= 20; n += 1) {
      await settled();
      expect(shown).toBe(n);
      expect(prompts.open?.kind).toBe("qr");
      expect(listeners()).toBe(1);
      clock.advance(expiresMs);
    }
    await done;
    expect(listeners()).toBe(0);
  });

  it("goes on as soon as the code is accepted", async () => {
    const tokens = [{ token: Uint8Array.of(1), expiresAtMs: Infinity }, null];
    const { parts, timers, accept } = openSignIn("qr", {
      loginToken: async () => tokens.shift() ?? null,
    });
    const done = signIn(parts);
    await settled();
    accept();
    await expect(done).resolves.toBeUndefined();
    expect(timers()).toBe(0);
  });

  it("rejects as soon as it is called off", async () => {
    const { parts, timers, visit } = openSignIn("qr", {
      loginToken: async () => ({ token: Uint8Array.of(1), expiresAtMs: Infinity }),
    });
    const done = signIn(parts);
    await settled();
    visit.abort(new Error("called off"));
    await expect(done).rejects.toThrow("called off");
    expect(timers()).toBe(0);
  });
});

describe("a sign-in by a code that the serving session reads", () => {
  const requestCode: Client["requestCode"] = async () => ({
    codeHash: "hash",
    via: "app",
    length: 5,
  });

  it("waits for the next code after a wrong one, and leaves no listener behind for any of them", async () => {
    const tried: string[] = [];
    const { parts, prompts, listeners } = openSignIn("auto-code", {
      requestCode,
      async signIn({ code }) {
        tried.push(code);
        if (tried.length < 3) throw refused("PHONE_CODE_INVALID", "wrong");
      },
    });
    const done = signIn(parts);
    for (const code of ["11111", "22222", "33333"]) {
      await settled();
      expect(listeners()).toBe(1);
      prompts.offer(`Login code: ${code}`);
    }
    await done;
    expect(tried).toEqual(["11111", "22222", "33333"]);
    expect(listeners()).toBe(0);
  });

  it("rejects as soon as it is called off", async () => {
    const { parts, visit } = openSignIn("auto-code", { requestCode });
    const done = signIn(parts);
    await settled();
    visit.abort(new Error("called off"));
    await expect(done).rejects.toThrow("called off");
  });
});
