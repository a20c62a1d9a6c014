import { describe, expect, it } from "vitest";
import { rpcFault } from "../../../src/adapters/telegram/faults.ts";
import { remedyFor } from "../../../src/channels/telegram/error-table.ts";

const remedy = (number: number, name: string) => {
  const { scope, action } = remedyFor(rpcFault(number, name));
  return `${scope}: ${action}`;
};

describe("what Telegram answers to a send", () => {
  it.each([
    [403, "USER_IS_BLOCKED", "reply: fail"],
    [400, "INPUT_USER_DEACTIVATED", "reply: fail"],
    [400, "REPLY_MARKUP_TOO_LONG", "reply: send-plain"],
    [400, "BUTTON_DATA_INVALID", "reply: send-plain"],
    [400, "PEER_ID_INVALID", "reply: fetch-peer"],
    [500, "RANDOM_ID_DUPLICATE", "reply: arrived"],
    [420, "SLOWMODE_WAIT_30", "chat: hold"],
    [420, "FLOOD_WAIT_20", "account: hold"],
    [400, "PEER_FLOOD", "account: hold"],
    [420, "FROZEN_METHOD_INVALID", "account: hold"],
    [403, "USER_RESTRICTED", "account: hold"],
    [400, "CONNECTION_NOT_INITED", "account: hold"],
    [400, "MSG_WAIT_FAILED", "account: hold"],
    [303, "USER_MIGRATE_4", "account: hold"],
    [401, "SESSION_PASSWORD_NEEDED", "account: hold"],
    [406, "AUTH_KEY_DUPLICATED", "key: give-up"],
    [401, "USER_DEACTIVATED_BAN", "key: give-up"],
  ])("%i %s is a matter of the %s", (number, name, told) => {
    expect(remedy(number, name)).toBe(told);
  });

  it("fails the reply where an unknown name comes with 4xx, and holds the chat where it comes with 5xx", () => {
    expect(remedy(400, "NEVER_HEARD_OF")).toBe("reply: fail");
    expect(remedy(500, "INTERDC_4_CALL_ERROR")).toBe("chat: retry");
    expect(remedy(-503, "Timeout")).toBe("chat: retry");
    expect(remedy(400, "constructor")).toBe("reply: fail");
  });
});
