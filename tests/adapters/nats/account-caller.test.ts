import { describe, expect, it } from "vitest";
import { createAccountCaller } from "../../../src/adapters/nats/account-caller.ts";
import { HoldfastError } from "../../../src/errors.ts";

describe("a call through the holder of an account", () => {
  it("asks by the subject of that account, and answers the result", async () => {
    const asked: object[] = [];
    const call = createAccountCaller(async (one) => {
      asked.push(one);
      return { ok: true, result: { bytes: 3 } };
    });
    expect(await call("site-bot", "upload.getFile", { limit: 3 })).toEqual({ bytes: 3 });
    const body = { method: "upload.getFile", params: { limit: 3 } };
    const subject = "holdfast.account.site-bot.invoke";
    expect(asked).toEqual([{ subject, body, timeoutMs: 15_000 }]);
  });

  it("rejects with the holder's refusal, with the fault of a reply, or says that nobody answered", async () => {
    const refused = {
      ok: false,
      code: "NOT_SERVING",
      message: "not now",
      policy: "retryable",
      waitSeconds: 7,
    };
    const unsealed = new HoldfastError({ code: "SEAL_UNREADABLE", message: "not sealed" });
    for (const [ask, code] of [
      [async () => refused, "NOT_SERVING"],
      [async () => Promise.reject(unsealed), "SEAL_UNREADABLE"],
      [async () => Promise.reject(new Error("timeout")), "HOLDER_SILENT"],
    ] as const) {
      await expect(createAccountCaller(ask)("site-bot", "x.y", {})).rejects.toMatchObject({ code });
    }
    await expect(
      createAccountCaller(async () => refused)("site-bot", "x.y", {}),
    ).rejects.toMatchObject({ policy: "retryable", waitSeconds: 7 });
    const earlier = { ok: false, code: "NO", message: "no" };
    await expect(
      createAccountCaller(async () => earlier)("site-bot", "x.y", {}),
    ).rejects.toMatchObject({ policy: "terminal", waitSeconds: undefined });
  });
});
