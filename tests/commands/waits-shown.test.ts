import { expect, it } from "vitest";
import { shownWaits } from "../../src/commands/waits-shown.ts";

it("the waits of an account are told by method; chats are counted and not named", () => {
  const code = "FLOOD_WAIT";
  const send = { method: "messages.sendMessage", code };
  expect(
    shownWaits([
      { method: "updates.getDifference", chat: null, code, untilMs: 1_700_000_060_000 },
      { ...send, chat: "user 5", untilMs: 1_700_000_000_000 },
      { ...send, chat: "user 6", untilMs: 1_700_000_010_000 },
    ]),
  ).toEqual([
    { method: "messages.sendMessage", chats: 2, until: "2023-11-14T22:13:30.000Z" },
    { method: "updates.getDifference", chats: null, until: "2023-11-14T22:14:20.000Z" },
  ]);
});
