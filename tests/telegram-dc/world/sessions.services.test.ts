import { describe, expect, it } from "vitest";
import type { TlObject } from "../../../src/telegram-dc/seam.ts";
import { bytesField, objectsField } from "../../../src/telegram-dc/world/tl-fields.ts";
import {
  createBench,
  pushedUpdates,
  sendCodeFields,
} from "../../fixtures/telegram-dc/world-bench.ts";

const PHONE = "99966100001";
const DAY_MS = 86_400_000;

async function twoSessions() {
  const bench = createBench();
  const ada = bench.phone.createUser({ phone: PHONE, firstName: "Ada" });
  const first = await bench.logIn(PHONE, "first");
  const second = await bench.logIn(PHONE, "second");
  return { bench, ada, first, second };
}

async function hashOfOther(client: { get(method: string): Promise<TlObject> }) {
  const list = await client.get("account.getAuthorizations");
  const others = objectsField(list, "authorizations").filter((entry) => entry["current"] !== true);
  return others[0]?.["hash"];
}

describe("the list of authorisations", () => {
  it("shows each session, the caller's own as current with hash 0", async () => {
    const { first } = await twoSessions();
    const list = await first.get("account.getAuthorizations");
    const entries = objectsField(list, "authorizations");
    expect(entries.map((entry) => entry["current"])).toEqual([true, false]);
    expect(entries[0]?.["hash"]).toBe(0n);
    expect(entries[1]?.["device_model"]).toBe("bench");
  });

  it("refuses to end another session within 24 hours of the login", async () => {
    const { bench, second } = await twoSessions();
    const fields = { hash: await hashOfOther(second) };
    bench.clock.advance(DAY_MS - 1);
    for (const [method, given] of [
      ["account.resetAuthorization", fields],
      ["auth.resetAuthorizations", {}],
    ] as const) {
      await expect(second.get(method, given)).rejects.toThrow(
        "406 FRESH_RESET_AUTHORISATION_FORBIDDEN",
      );
    }
    bench.clock.advance(1);
    expect(await second.ask("account.resetAuthorization", fields)).toBe(true);
  });

  it("refuses the hash of no session, and the caller's own", async () => {
    const { bench, first } = await twoSessions();
    bench.clock.advance(DAY_MS);
    for (const hash of [0n, 12345n]) {
      await expect(first.ask("account.resetAuthorization", { hash })).rejects.toThrow(
        "400 HASH_INVALID",
      );
    }
  });

  it("tells an ended session once that it was revoked, then that its key is unregistered", async () => {
    const { bench, first, second } = await twoSessions();
    bench.clock.advance(DAY_MS);
    await first.ask("auth.resetAuthorizations");
    await expect(second.get("updates.getState")).rejects.toThrow("401 SESSION_REVOKED");
    await expect(second.get("updates.getState")).rejects.toThrow("401 AUTH_KEY_UNREGISTERED");
    expect(await first.get("updates.getState")).toMatchObject({ _: "updates.state" });
  });

  it.each([
    ["deactivated", "401 USER_DEACTIVATED"],
    ["banned", "401 USER_DEACTIVATED_BAN"],
  ] as const)("answers every call of a %s account by %s", async (reason, error) => {
    const { bench, ada, first } = await twoSessions();
    bench.phone.addFault({ kind: "kill-key", userId: ada.id, reason });
    await expect(first.get("updates.getState")).rejects.toThrow(error);
  });
});

describe("logging in by QR token", () => {
  it("tells the waiting client when the token is accepted, and logs it in", async () => {
    const { bench, ada, first } = await twoSessions();
    const waiting = bench.connect("third");
    const shown = await waiting.get("auth.exportLoginToken");
    const accepted = await first.get("auth.acceptLoginToken", { token: shown["token"] });
    expect(accepted._).toBe("authorization");
    expect(pushedUpdates(waiting)).toEqual([{ _: "updateLoginToken" }]);
    expect(await waiting.get("auth.exportLoginToken")).toMatchObject({
      _: "auth.loginTokenSuccess",
    });
    expect(bench.phone.authorisations(ada.id)).toHaveLength(3);
  });

  it("shows the same token until it expires after 30 seconds, then another", async () => {
    const { bench, first } = await twoSessions();
    const waiting = bench.connect("third");
    const shown = await waiting.get("auth.exportLoginToken");
    bench.clock.advance(29_999);
    expect(await waiting.get("auth.exportLoginToken")).toEqual(shown);
    bench.clock.advance(1);
    expect((await waiting.get("auth.exportLoginToken"))["token"]).not.toEqual(shown["token"]);
    await expect(first.get("auth.acceptLoginToken", { token: shown["token"] })).rejects.toThrow(
      "400 AUTH_TOKEN_EXPIRED",
    );
  });

  it("accepts a token once, and no token that it never gave", async () => {
    const { bench, first } = await twoSessions();
    const shown = await bench.connect("third").get("auth.exportLoginToken");
    const fields = { token: shown["token"] };
    await first.get("auth.acceptLoginToken", fields);
    await expect(first.get("auth.acceptLoginToken", fields)).rejects.toThrow(
      "400 AUTH_TOKEN_ALREADY_ACCEPTED",
    );
    await expect(first.get("auth.acceptLoginToken", { token: Buffer.alloc(32) })).rejects.toThrow(
      "400 AUTH_TOKEN_INVALIDX",
    );
  });

  it("asks for the cloud password after the token", async () => {
    const bench = createBench();
    const eve = bench.phone.createUser({ phone: PHONE, firstName: "Eve", password: "secret" });
    const waiting = bench.connect("first");
    const shown = await waiting.get("auth.exportLoginToken");
    bench.phone.acceptLoginToken(eve.id, bytesField(shown, "token"));
    await expect(waiting.get("auth.exportLoginToken")).rejects.toThrow(
      "401 SESSION_PASSWORD_NEEDED",
    );
  });
});

async function askedForPassword() {
  const bench = createBench({ passwordTriesMax: 2 });
  const eve = bench.phone.createUser({ phone: PHONE, firstName: "Eve", password: "secret" });
  const client = bench.connect("first");
  const sent = await client.get("auth.sendCode", sendCodeFields(PHONE));
  const signIn = client.get("auth.signIn", {
    phone_number: PHONE,
    phone_code_hash: sent["phone_code_hash"],
    phone_code: bench.phone.readCode(eve.id)?.code,
  });
  await expect(signIn).rejects.toThrow("401 SESSION_PASSWORD_NEEDED");
  return client;
}
const proof = (srpId: TlObject[string]) => ({
  password: {
    _: "inputCheckPasswordSRP",
    srp_id: srpId,
    A: Buffer.alloc(256, 7),
    M1: Buffer.alloc(32),
  },
});

describe("the cloud password", () => {
  it("stands between the code and everything else", async () => {
    const client = await askedForPassword();
    await expect(client.get("updates.getState")).rejects.toThrow("401 SESSION_PASSWORD_NEEDED");
  });

  it("takes each SRP challenge once, and refuses a wrong proof", async () => {
    const client = await askedForPassword();
    const { srp_id: srpId } = await client.get("account.getPassword");
    await expect(client.get("auth.checkPassword", proof(srpId))).rejects.toThrow(
      "400 PASSWORD_HASH_INVALID",
    );
    await expect(client.get("auth.checkPassword", proof(srpId))).rejects.toThrow(
      "400 SRP_ID_INVALID",
    );
  });

  it("makes the client wait after too many wrong proofs", async () => {
    const client = await askedForPassword();
    for (const error of [
      "400 PASSWORD_HASH_INVALID",
      "400 PASSWORD_HASH_INVALID",
      "420 FLOOD_WAIT_3600",
    ]) {
      const { srp_id: srpId } = await client.get("account.getPassword");
      await expect(client.get("auth.checkPassword", proof(srpId))).rejects.toThrow(error);
    }
  });
});
