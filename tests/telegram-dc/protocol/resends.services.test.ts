import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { packIfSmaller } from "../../../src/telegram-dc/protocol/rpc/answer.ts";
import { bytesField, longField } from "../../../src/telegram-dc/protocol/tl/fields.ts";
import { TlWriter } from "../../../src/telegram-dc/protocol/tl/tl-writer.ts";
import type { Connection, TlObject } from "../../../src/telegram-dc/seam.ts";
import { useRawSession } from "../../fixtures/telegram-dc/raw-fixture.ts";

const NEAREST = { _: "help.getNearestDc" };
const at = useRawSession();

describe("answers that the client has not acknowledged", () => {
  it("are sent again for a repeated call, which is not executed again", async () => {
    const messageId = at.session.nextMessageId();
    const wire = {
      messageId,
      sequence: at.session.nextSequence(true),
      body: at.session.encodeApi(NEAREST),
    };
    at.session.sendWire(wire);
    const first = await at.session.resultOf(messageId);
    const executed = at.callsOf(NEAREST._);
    at.session.sendWire(wire);
    const second = await at.session.resultOf(messageId);
    expect(second.messageId).toBe(first.messageId);
    expect(at.callsOf(NEAREST._)).toBe(executed);
    expect(at.dc.server.stats.duplicateMessages).toBe(1);
  });

  it("are sent again on the next connection of the session", async () => {
    const answered = await at.session.resultOf(at.session.call(NEAREST));
    await at.raw.cut();
    const next = await at.open();
    at.session.moveTo(next);
    at.session.service({ _: "ping", ping_id: 1n });
    const again = await at.session.resultOf(longField(answered.value, "req_msg_id"));
    expect(again.messageId).toBe(answered.messageId);
    expect(again.sequence).toBe(answered.sequence);
  });

  it("are not sent again once they are acknowledged", async () => {
    const answered = await at.session.resultOf(at.session.call(NEAREST));
    at.session.service({ _: "msgs_ack", msg_ids: [answered.messageId] });
    at.session.service({ _: "ping", ping_id: 1n });
    await at.session.expect("pong");
    at.session.service({ _: "msg_resend_req", msg_ids: [answered.messageId] });
    const { value } = await at.session.expect("msgs_state_info");
    expect(value["info"]).toEqual(Buffer.from([1]));
  });

  it("are sent again when the client asks for them", async () => {
    const answered = await at.session.resultOf(at.session.call(NEAREST));
    at.session.service({ _: "msg_resend_req", msg_ids: [answered.messageId] });
    const again = await at.session.resultOf(longField(answered.value, "req_msg_id"));
    expect(again.messageId).toBe(answered.messageId);
  });

  it("are sent before the state that the client asked for", async () => {
    const answered = await at.session.resultOf(at.session.call(NEAREST));
    const callId = longField(answered.value, "req_msg_id");
    at.session.service({ _: "msgs_state_req", msg_ids: [callId, callId + (1n << 32n)] });
    expect((await at.session.resultOf(callId)).messageId).toBe(answered.messageId);
    const { value } = await at.session.expect("msgs_state_info");
    expect([...bytesField(value, "info")]).toEqual([4 | 8 | 32 | 64, 3]);
  });

  it("are dropped oldest first beyond the bound, and counted", async () => {
    const { connection } = await nextServed();
    for (let index = 0; index < 8; index++) connection.push(updateOf(index));
    expect(at.dc.server.stats.unackedDropped).toBeGreaterThan(0);
    await at.raw.cut();
    const next = await at.open();
    at.session.moveTo(next);
    at.session.service({ _: "ping", ping_id: 1n });
    await at.session.expect("pong");
    expect(at.dc.server.stats.resentMessages).toBe(5);
  });
});

async function nextServed(): Promise<{ connection: Connection }> {
  await at.session.resultOf(at.session.call(NEAREST));
  const connection = at.dc.world.connections.at(-1);
  if (connection === undefined) throw new Error("no connection");
  return { connection };
}

function updateOf(date: number): TlObject {
  return { _: "updateShort", update: { _: "updateLoginToken" }, date };
}

describe("updates", () => {
  it("reach the client as content and come again until they are acknowledged", async () => {
    const { connection } = await nextServed();
    connection.push(updateOf(7));
    const first = await at.session.expect("updateShort");
    expect(first.value["date"]).toBe(7);
    expect(first.sequence % 2).toBe(1);
    await at.raw.cut();
    at.session.moveTo(await at.open());
    at.session.service({ _: "ping", ping_id: 1n });
    expect((await at.session.expect("updateShort")).messageId).toBe(first.messageId);
  });

  it("that the layer cannot express are reported and do not harm the caller", async () => {
    const { connection } = await nextServed();
    connection.push({ _: "updateShort", update: { _: "noSuchUpdate" } });
    expect(at.dc.incidents.at(-1)).toMatchObject({ code: "ANSWER_NOT_ENCODABLE" });
  });

  it("are wanted after initConnection and until invokeWithoutUpdates", async () => {
    const { connection } = await nextServed();
    expect(connection.wantsUpdates).toBe(true);
    expect(connection.identity).toEqual({
      apiId: 1,
      deviceModel: "raw",
      systemVersion: "1",
      appVersion: "2",
    });
    await at.session.resultOf(at.session.call({ _: "invokeWithoutUpdates", query: NEAREST }));
    expect(connection.wantsUpdates).toBe(false);
  });
});

describe("packing", () => {
  it("packs a long answer and leaves a short one plain", async () => {
    const short = await at.session.resultOf(at.session.call(NEAREST));
    expect(short.value["isPacked"]).toBe(false);
    at.dc.world.answer = () => ({
      kind: "result",
      value: { _: "nearestDc", country: "X".repeat(2_000), this_dc: 2, nearest_dc: 2 },
    });
    const long = await at.session.resultOf(at.session.call(NEAREST));
    expect(long.value).toMatchObject({ isPacked: true, result: { country: "X".repeat(2_000) } });
    expect(at.dc.server.stats.packedAnswers).toBe(1);
  });

  it("leaves a long body plain that packing would not shorten", () => {
    const body = randomBytes(4_000);
    expect(packIfSmaller(body, 512)).toBe(body);
  });

  it("reads a packed call", async () => {
    const packed = gzipSync(at.session.encodeApi(NEAREST));
    const messageId = at.session.nextMessageId();
    at.session.sendWire({
      messageId,
      sequence: at.session.nextSequence(true),
      body: new TlWriter().uint(0x3072cfa1).bytes(packed).finish(),
    });
    expect((await at.session.resultOf(messageId)).value["result"]).toMatchObject({
      _: "nearestDc",
    });
  });
});
