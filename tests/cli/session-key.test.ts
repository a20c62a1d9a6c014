import { createHash, randomBytes } from "node:crypto";
import { writeStringSession } from "@mtcute/core/utils.js";
import { describe, expect, it } from "vitest";
import { keyIdOfSession } from "../../src/cli/session-key.ts";

const key = randomBytes(256);
const id = createHash("sha1").update(key).digest().subarray(-8).toString("hex");

function gramjs(address: string): string {
  const head = Buffer.alloc(3);
  head.writeUInt8(2, 0);
  head.writeInt16BE(address.length, 1);
  const port = Buffer.alloc(2);
  port.writeInt16BE(443);
  return `1${Buffer.concat([head, Buffer.from(address), port, key]).toString("base64")}`;
}

function telethon(addressBytes: number): string {
  const body = Buffer.concat([
    Buffer.from([2]),
    Buffer.alloc(addressBytes),
    Buffer.from([1, 187]),
    key,
  ]);
  return `1${body.toString("base64url")}`;
}

describe("the key id of a session", () => {
  it.each([
    ["GramJS", gramjs("149.154.167.51")],
    ["Telethon with IPv4", telethon(4)],
    ["Telethon with IPv6", telethon(16)],
    [
      "mtcute",
      writeStringSession({
        version: 3,
        primaryDcs: {
          main: { id: 2, ipAddress: "149.154.167.51", port: 443 },
          media: { id: 2, ipAddress: "149.154.167.51", port: 443 },
        },
        authKey: key,
        self: null,
      }),
    ],
    ["a bare key in hex", key.toString("hex")],
  ])("is read from %s", (_library, session) => {
    expect(keyIdOfSession(`${session}\n`)).toBe(id);
  });

  it.each(["", "hello", "1AgAOMTQ5", "deadbeef"])("is not invented for %j", (text) => {
    expect(() => keyIdOfSession(text)).toThrow(/no session string/);
  });
});
