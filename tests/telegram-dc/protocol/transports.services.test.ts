import { randomBytes } from "node:crypto";
import {
  IntermediatePacketCodec,
  ObfuscatedPacketCodec,
  PaddedIntermediatePacketCodec,
  Long,
} from "@mtcute/core";
import { Api } from "telegram";
import {
  ConnectionTCPAbridged,
  ConnectionTCPFull,
  ConnectionTCPObfuscated,
} from "telegram/network/connection/index.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FramingName } from "../../../src/telegram-dc/protocol/transport/framing.ts";
import { connectGramJs } from "../../fixtures/telegram-dc/gramjs-client.ts";
import { connectMtcute } from "../../fixtures/telegram-dc/mtcute-client.ts";
import { openRaw } from "../../fixtures/telegram-dc/raw-client.ts";
import { exchangeKey } from "../../fixtures/telegram-dc/raw-handshake.ts";
import { initialised, startSession } from "../../fixtures/telegram-dc/raw-session.ts";
import { type StubDataCentre, startStubDataCentre } from "../../fixtures/telegram-dc/stub-world.ts";

let dc: StubDataCentre;
beforeAll(async () => {
  dc = await startStubDataCentre();
});
afterAll(async () => {
  await dc.close();
});

describe("unmodified mtcute", () => {
  it.each([
    ["intermediate", () => new IntermediatePacketCodec()],
    ["padded intermediate", () => new PaddedIntermediatePacketCodec()],
    ["obfuscated intermediate", () => new ObfuscatedPacketCodec(new IntermediatePacketCodec())],
    [
      "obfuscated padded intermediate",
      () => new ObfuscatedPacketCodec(new PaddedIntermediatePacketCodec()),
    ],
  ])("makes a key and calls over %s", async (_name, createCodec) => {
    const client = await connectMtcute(dc, { createCodec });
    try {
      expect(await client.call({ _: "help.getNearestDc" })).toMatchObject({ thisDc: 2 });
      expect(await client.call({ _: "contacts.getContactIDs", hash: Long.ZERO })).toEqual([
        1, 2, 3,
      ]);
    } finally {
      await client.destroy();
    }
  });
});

describe("unmodified GramJS", () => {
  it.each([
    ["full", ConnectionTCPFull],
    ["abridged", ConnectionTCPAbridged],
    ["obfuscated abridged", ConnectionTCPObfuscated],
  ])("makes a key and calls over %s", async (_name, connection) => {
    const client = await connectGramJs(dc, { client: { connection } });
    try {
      const nearest = await client.invoke(new Api.help.GetNearestDc());
      expect(nearest.thisDc).toBe(2);
    } finally {
      await client.destroy();
    }
  });
});

const FRAMINGS: readonly FramingName[] = ["abridged", "intermediate", "padded", "full"];

describe("every framing", () => {
  it.each(
    FRAMINGS.flatMap((framing) =>
      [false, true].map((obfuscated) => ({ framing, obfuscated })),
    ).filter(({ framing, obfuscated }) => framing !== "full" || !obfuscated),
  )("carries a key exchange and a call: $framing, obfuscated $obfuscated", async (options) => {
    const raw = await openRaw(dc, options);
    const session = startSession(dc, raw, await exchangeKey(dc, raw));
    const call = session.call(initialised({ _: "help.getNearestDc" }));
    expect((await session.resultOf(call)).value["result"]).toMatchObject({ _: "nearestDc" });
    await raw.cut();
  });

  it("tolerates the request for a quick acknowledgement", async () => {
    const raw = await openRaw(dc, { framing: "intermediate", quickAck: true });
    const key = await exchangeKey(dc, raw);
    const session = startSession(dc, raw, key);
    const call = session.call(initialised({ _: "help.getNearestDc" }));
    expect((await session.resultOf(call)).value["result"]).toMatchObject({ _: "nearestDc" });
    await raw.cut();
  });
});

describe("a transport that goes wrong", () => {
  it("answers -404 to a key that nobody made, and closes", async () => {
    const raw = await openRaw(dc);
    raw.send(randomBytes(24 + 64));
    expect((await raw.nextFrame()).readInt32LE(0)).toBe(-404);
    await raw.closed;
    expect(dc.server.stats.unknownKeyFrames).toBeGreaterThan(0);
  });

  it("answers -404 to a frame that its key does not open", async () => {
    const raw = await openRaw(dc);
    const key = await exchangeKey(dc, raw);
    const frame = randomBytes(24 + 64);
    frame.writeBigInt64LE(key.id);
    raw.send(frame);
    expect((await raw.nextFrame()).readInt32LE(0)).toBe(-404);
    await raw.closed;
  });

  it("answers -404 to a frame whose padding was changed on the way", async () => {
    const raw = await openRaw(dc);
    const session = startSession(dc, raw, await exchangeKey(dc, raw));
    session.damageNextFrame();
    session.call(initialised({ _: "help.getNearestDc" }));
    await expect(session.expect("rpc_result")).rejects.toThrow("transport error -404");
  });

  it("resets a stream that is no transport of MTProto", async () => {
    const raw = await openRaw(dc, { framing: "full" });
    raw.socket.write(Buffer.concat([Buffer.from("POST /api"), Buffer.alloc(64, 0x20)]));
    await expect(raw.nextFrame()).rejects.toThrow("connection closed");
  });

  it("resets a full transport with a damaged frame", async () => {
    const raw = await openRaw(dc, { framing: "full" });
    raw.socket.write(Buffer.from("1000000000000000aabbccdd11223344", "hex"));
    await expect(raw.nextFrame()).rejects.toThrow("connection closed");
  });

  it("resets a frame that declares more than a message may hold", async () => {
    const raw = await openRaw(dc, { framing: "intermediate" });
    raw.socket.write(Buffer.from("ffffff7f", "hex"));
    await expect(raw.nextFrame()).rejects.toThrow("connection closed");
  });
});

describe("the media address", () => {
  it("serves the same keys and tells the world that it is the media address", async () => {
    const main = await openRaw(dc);
    const key = await exchangeKey(dc, main);
    const media = await openRaw(dc, { port: dc.mediaPort });
    const session = startSession(dc, media, key);
    await session.resultOf(session.call(initialised({ _: "help.getNearestDc" })));
    expect(dc.world.calls.at(-1)?.connection.isMedia).toBe(true);
    await Promise.all([main.cut(), media.cut()]);
  });
});
