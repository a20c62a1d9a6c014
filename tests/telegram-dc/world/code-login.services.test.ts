import { describe, expect, it } from "vitest";
import {
  createBench,
  inner,
  pushedUpdates,
  sendCodeFields,
} from "../../fixtures/telegram-dc/world-bench.ts";

const PHONE = "99966100001";

function benchWithAda(config = {}) {
  const bench = createBench(config);
  const ada = bench.phone.createUser({ phone: PHONE, firstName: "Ada", username: "ada" });
  return { bench, ada };
}

describe("logging in by code", () => {
  it("sends the first code by SMS, where the control API reads it", async () => {
    const { bench, ada } = benchWithAda();
    const client = bench.connect("first");
    const sent = await client.get("auth.sendCode", sendCodeFields(PHONE));
    expect(inner(sent, "type", "_")).toBe("auth.sentCodeTypeSms");
    expect(bench.phone.readCode(ada.id)).toMatchObject({ via: "sms" });
  });

  it("brings the code as a message of the service account to the account's other session", async () => {
    const { bench, ada } = benchWithAda();
    const first = await bench.logIn(PHONE, "first");
    const sent = await bench.connect("second").get("auth.sendCode", sendCodeFields(PHONE));
    expect(inner(sent, "type", "_")).toBe("auth.sentCodeTypeApp");
    const [update] = pushedUpdates(first);
    expect(inner(update, "message", "from_id", "user_id")).toBe(777000n);
    expect(inner(update, "message", "message")).toContain(
      `Login code: ${bench.phone.readCode(ada.id)?.code}.`,
    );
  });

  it("refuses a wrong code and forgets the code after five wrong tries", async () => {
    const { bench, ada } = benchWithAda();
    const client = bench.connect("first");
    const sent = await client.get("auth.sendCode", sendCodeFields(PHONE));
    const code = bench.phone.readCode(ada.id)?.code ?? "";
    const fields = { phone_number: PHONE, phone_code_hash: sent["phone_code_hash"] };
    const wrong = { ...fields, phone_code: code === "00000" ? "11111" : "00000" };
    for (let count = 0; count < 5; count += 1) {
      await expect(client.get("auth.signIn", wrong)).rejects.toThrow("400 PHONE_CODE_INVALID");
    }
    await expect(client.get("auth.signIn", { ...fields, phone_code: code })).rejects.toThrow(
      "400 PHONE_CODE_EXPIRED",
    );
  });

  it("refuses a code that is past its time", async () => {
    const { bench, ada } = benchWithAda({ codeLifeMs: 1_000 });
    const client = bench.connect("first");
    const sent = await client.get("auth.sendCode", sendCodeFields(PHONE));
    const code = bench.phone.readCode(ada.id)?.code;
    bench.clock.advance(1_000);
    await expect(
      client.get("auth.signIn", {
        phone_number: PHONE,
        phone_code_hash: sent["phone_code_hash"],
        phone_code: code,
      }),
    ).rejects.toThrow("400 PHONE_CODE_EXPIRED");
  });

  it("sends the code by SMS when it is asked for again, and once only", async () => {
    const { bench } = benchWithAda();
    await bench.logIn(PHONE, "first");
    const second = bench.connect("second");
    const sent = await second.get("auth.sendCode", sendCodeFields(PHONE));
    const fields = { phone_number: PHONE, phone_code_hash: sent["phone_code_hash"] };
    const resent = await second.get("auth.resendCode", fields);
    expect(inner(resent, "type", "_")).toBe("auth.sentCodeTypeSms");
    await expect(second.get("auth.resendCode", fields)).rejects.toThrow(
      "400 SEND_CODE_UNAVAILABLE",
    );
  });

  it("takes a code back when it is cancelled", async () => {
    const { bench, ada } = benchWithAda();
    const client = bench.connect("first");
    const sent = await client.get("auth.sendCode", sendCodeFields(PHONE));
    const fields = { phone_number: PHONE, phone_code_hash: sent["phone_code_hash"] };
    const code = bench.phone.readCode(ada.id)?.code;
    expect(await client.ask("auth.cancelCode", fields)).toBe(true);
    await expect(client.get("auth.signIn", { ...fields, phone_code: code })).rejects.toThrow(
      "400 PHONE_CODE_EXPIRED",
    );
  });

  it.each([
    ["auth.sendCode", sendCodeFields("99966199999"), "406 PHONE_NUMBER_INVALID"],
    ["auth.sendCode", { ...sendCodeFields(PHONE), api_id: 0 }, "400 API_ID_INVALID"],
    ["auth.signUp", {}, "400 PHONE_NUMBER_APP_SIGNUP_FORBIDDEN"],
    ["auth.importBotAuthorization", { bot_auth_token: "1:x" }, "400 ACCESS_TOKEN_INVALID"],
    ["users.getUsers", { id: [{ _: "inputUserSelf" }] }, "401 AUTH_KEY_UNREGISTERED"],
  ])("answers %s with %o by %s", async (method, fields, error) => {
    const { bench } = benchWithAda();
    await expect(bench.connect("first").get(method, fields)).rejects.toThrow(error);
  });

  it("logs out, and lets the same key log in again", async () => {
    const { bench, ada } = benchWithAda();
    const client = await bench.logIn(PHONE, "first");
    await client.get("auth.logOut");
    await expect(client.get("updates.getState")).rejects.toThrow("401 AUTH_KEY_UNREGISTERED");
    await bench.logIn(PHONE, "first");
    expect(bench.phone.authorisations(ada.id)).toHaveLength(1);
  });

  it("spares the code when a future_auth_token of the last logout is shown", async () => {
    const { bench } = benchWithAda({ givesFutureAuthTokens: true });
    const client = await bench.logIn(PHONE, "first");
    const out = await client.get("auth.logOut");
    const settings = { _: "codeSettings", logout_tokens: [out["future_auth_token"]] };
    const sent = await client.get("auth.sendCode", { ...sendCodeFields(PHONE), settings });
    expect(sent._).toBe("auth.sentCodeSuccess");
    expect((await client.get("auth.sendCode", { ...sendCodeFields(PHONE), settings }))._).toBe(
      "auth.sentCode",
    );
  });
});
