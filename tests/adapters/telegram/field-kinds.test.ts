import { Long } from "@mtcute/core";
import { describe, expect, it } from "vitest";
import { misfitIn } from "../../../src/adapters/telegram/field-kinds.ts";
import { toTl } from "../../../src/adapters/telegram/tl-json.ts";
import type { JsonObject } from "../../../src/ports/telegram/telegram.ts";

const misfit = (query: JsonObject) => misfitIn(toTl(query) as never);

const send = {
  _: "messages.sendMessage",
  peer: { _: "inputPeerUser", userId: 5, accessHash: { $long: "7" } },
  message: "hello",
  randomId: { $long: "-42" },
} as const;

const history = {
  _: "messages.getHistory",
  peer: { _: "inputPeerSelf" },
  offsetId: 0,
  offsetDate: 0,
  addOffset: 0,
  limit: 10,
  maxId: 0,
  minId: 0,
  hash: { $long: "0" },
} as const;

/** Its offset has 53 bits, and may be written as either. */
const part = {
  _: "upload.getFile",
  location: {
    _: "inputPhotoFileLocation",
    id: { $long: "1" },
    accessHash: { $long: "2" },
    fileReference: { $bytes: "AA==" },
    thumbSize: "x",
  },
  offset: { $long: "262144" },
  limit: 262_144,
} as const;

describe("the fields of a raw call", () => {
  it("are taken as Telegram's schema has them, with 0 for a 64-bit number", () => {
    expect(misfit(send)).toBeNull();
    expect(misfit(history)).toBeNull();
    expect(misfit({ ...history, hash: 0 })).toBeNull();
    expect(misfit(part)).toBeNull();
  });

  it.each([
    [
      "a text for a 64-bit number",
      { ...send, randomId: "1" },
      'randomId must be {"$long": "<number>"}',
    ],
    [
      "a number for a 64-bit number",
      { ...send, randomId: 1 },
      'randomId must be {"$long": "<number>"}',
    ],
    ["a text for a number", { ...history, limit: "10" }, "limit must be a whole number of 32 bits"],
    ["a part of a number", { ...history, limit: 1.5 }, "limit must be a whole number of 32 bits"],
    [
      "a number that is cut",
      { ...history, limit: 2 ** 32 + 1 },
      "limit must be a whole number of 32 bits",
    ],
    ["a number for a text", { ...send, message: 5 }, "message must be a text"],
    [
      "a text for an id, within",
      { ...send, peer: { _: "inputPeerUser", userId: "5", accessHash: { $long: "7" } } },
      "userId must be a whole number",
    ],
    [
      "a text for bytes",
      { _: "upload.saveFilePart", fileId: { $long: "1" }, filePart: 0, bytes: "abc" },
      'bytes must be {"$bytes": "<base64>"}',
    ],
  ] as const)("are refused where there is %s", (_what, query, why) => {
    expect(misfit(query as never)).toBe(why);
  });

  it("leaves to the driver what it cannot write at all", () => {
    expect(misfit({ _: "no.suchMethod" })).toBeNull();
    expect(misfitIn({ _: "users.getUsers", id: "self" } as never)).toBeNull();
    expect(Long.isLong((toTl(send) as { randomId: unknown }).randomId)).toBe(true);
  });
});
