import { TransportError } from "@mtcute/core";
import { describe, expect, it } from "vitest";
import { parseFault, rpcFault } from "../../../src/adapters/telegram/faults.ts";
import { HoldfastError } from "../../../src/errors.ts";
import { TelegramError } from "../../../src/ports/telegram/telegram-error.ts";

describe("Telegram's answers as faults", () => {
  it.each([
    [406, "AUTH_KEY_DUPLICATED"],
    [401, "AUTH_KEY_UNREGISTERED"],
    [401, "AUTH_KEY_INVALID"],
    [401, "SESSION_REVOKED"],
    [401, "SESSION_EXPIRED"],
    [401, "USER_DEACTIVATED"],
    [401, "USER_DEACTIVATED_BAN"],
  ])("%i %s is a dead key", (code, name) => {
    expect(rpcFault(code, name)).toMatchObject({ code: name, kind: "dead-key" });
  });

  it("401 SESSION_PASSWORD_NEEDED asks for a password", () => {
    expect(rpcFault(401, "SESSION_PASSWORD_NEEDED").kind).toBe("password-needed");
  });

  it.each([
    [401, "AUTH_KEY_PERM_EMPTY"],
    [401, "ACTIVE_USER_REQUIRED"],
    [406, "UPDATE_APP_TO_LOGIN"],
    [406, "PHONE_NUMBER_INVALID"],
    [400, "PHONE_CODE_INVALID"],
    [400, "USER_DEACTIVATEDX"],
    [403, "CHAT_WRITE_FORBIDDEN"],
    [303, "FILE_MIGRATE_4"],
    [500, "RANDOM_ID_DUPLICATE"],
  ])("%i %s is a refusal, and the key lives", (code, name) => {
    expect(rpcFault(code, name)).toMatchObject({ code: name, kind: "refused" });
  });

  it.each([
    [420, "FLOOD_WAIT_33", "FLOOD_WAIT", 33],
    [420, "FLOOD_PREMIUM_WAIT_4", "FLOOD_PREMIUM_WAIT", 4],
    [420, "SLOWMODE_WAIT_10", "SLOWMODE_WAIT", 10],
    [400, "SLOWMODE_WAIT_10", "SLOWMODE_WAIT", 10],
    [420, "2FA_CONFIRM_WAIT_604800", "2FA_CONFIRM_WAIT", 604_800],
    [420, "FLOOD_WAIT_0", "FLOOD_WAIT", 0],
  ])("%i %s is a flood wait with its seconds", (code, name, family, waitSeconds) => {
    expect(rpcFault(code, name)).toMatchObject({ code: family, kind: "flood", waitSeconds });
  });

  it.each([
    [500, "INTERNAL"],
    [500, "RPC_CALL_FAIL"],
    [503, "Timeout"],
    [-503, "Timeout"],
  ])("%i %s leaves the outcome unknown", (code, name) => {
    expect(rpcFault(code, name)).toMatchObject({ code: name, kind: "unknown" });
  });
});

describe("other errors as faults", () => {
  it("keeps the fault of what was parsed before", () => {
    const fault = rpcFault(420, "FLOOD_WAIT_3");
    expect(parseFault(new TelegramError(fault))).toBe(fault);
  });

  it.each([
    ["a transport error", new TransportError(429), "TRANSPORT_429"],
    ["a broken wire", new Error("Connection closed"), "CONNECTION_LOST"],
    ["whatever was thrown", "odd", "CONNECTION_LOST"],
    [
      "an error of the product, by its own code",
      new HoldfastError({ code: "GATE_LOST", message: "The gate is gone." }),
      "GATE_LOST",
    ],
  ])("takes %s for an unknown outcome", (_what, error, code) => {
    expect(parseFault(error)).toMatchObject({ code, kind: "unknown" });
  });
});
