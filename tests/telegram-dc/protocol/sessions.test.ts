import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeContainer } from "../../../src/telegram-dc/protocol/messages/container.ts";
import { packIfSmaller } from "../../../src/telegram-dc/protocol/rpc/answer.ts";
import { TlWriter } from "../../../src/telegram-dc/protocol/tl/tl-writer.ts";
import type { RpcOutcome, TlObject } from "../../../src/telegram-dc/seam.ts";
import { type ManualClock, createManualClock } from "./manual-clock.ts";
import { type RawConnection, openRaw } from "./raw-client.ts";
import { type RawKey, exchangeKey } from "./raw-handshake.ts";
import { type RawSession, initialised, startSession } from "./raw-session.ts";
import { type StubDataCentre, startStubDataCentre } from "./stub-world.ts";

const NEAREST = { _: "help.getNearestDc" };
let clock: ManualClock;
let dc: StubDataCentre;
let raw: RawConnection;
let key: RawKey;
let session: RawSession;
const opened: RawConnection[] = [];

async function open(): Promise<RawConnection> {
  const connection = await openRaw(dc);
  opened.push(connection);
  return connection;
}

beforeEach(async () => {
  clock = createManualClock();
  dc = await startStubDataCentre({ clock, limits: { unackedMax: 5 } });
  raw = await open();
  key = await exchangeKey(dc, raw);
  session = startSession(dc, raw, key);
  await session.resultOf(session.call(initialised(NEAREST)));
});
afterEach(async () => {
  for (const connection of opened.splice(0)) await connection.cut();
  await dc.close();
});

function keyHexId(): string {
  return dc.world.keys[0]?.authKeyId ?? "";
}

function callsOf(method: string): number {
  return dc.world.calls.filter((call) => call.query._ === method).length;
}

/** Lets the world answer a method only when the test says so. */
function holdAnswers(method: string): { release: (outcome: RpcOutcome) => void } {
  let release: (outcome: RpcOutcome) => void = () => {};
  const answered = new Promise<RpcOutcome>((resolve) => {
    release = resolve;
  });
  dc.world.answer = (call) => (call.query._ === method ? answered : undefined);
  return { release };
}

const OK: RpcOutcome = {
  kind: "result",
  value: { _: "nearestDc", country: "XX", this_dc: 2, nearest_dc: 2 },
};

describe("server salts", () => {
  it("are corrected once by bad_server_salt, and the call is not executed until then", async () => {
    session.salt = 1n;
    const before = callsOf(NEAREST._);
    const refused = session.call(NEAREST);
    const notice = await session.expect("bad_server_salt");
    expect(notice.value).toMatchObject({ bad_msg_id: refused, error_code: 48 });
    expect(notice.value["new_server_salt"]).toBe(key.salt);
    expect(callsOf(NEAREST._)).toBe(before);
  });

  it("can be rotated: the old one ends, the new one is told", async () => {
    expect(dc.server.registry.rotateSalt(keyHexId())).toBe(true);
    session.call(NEAREST);
    const notice = await session.expect("bad_server_salt");
    expect(notice.value["new_server_salt"]).not.toBe(key.salt);
    session.salt = notice.value["new_server_salt"] as bigint;
    const answer = await session.resultOf(session.call(NEAREST));
    expect(answer.value["result"]).toMatchObject({ _: "nearestDc" });
  });

  it("are known in advance and hold in their own time", async () => {
    session.service({ _: "get_future_salts", num: 3 });
    const { value } = await session.expect("future_salts");
    const salts = value["salts"] as TlObject[];
    expect(salts).toHaveLength(3);
    clock.advance(3_700_000);
    session.salt = salts[2]?.["salt"] as bigint;
    const messageId = session.nextMessageId() + (3_700n << 32n);
    session.sendWire({ messageId, sequence: 3, body: session.encodeApi(NEAREST) });
    const answer = await session.resultOf(messageId);
    expect(answer.value["result"]).toMatchObject({ _: "nearestDc" });
  });
});

describe("message ids and sequence numbers", () => {
  const body = (): Buffer => session.encodeApi(NEAREST);

  it.each([
    ["too old", 16, -400n],
    ["too far ahead", 17, 60n],
  ])("refuses an id that is %s with code %i", async (_what, code, seconds) => {
    const messageId = session.nextMessageId() + (seconds << 32n);
    session.sendWire({ messageId, sequence: 3, body: body() });
    const { value } = await session.expect("bad_msg_notification");
    expect(value).toMatchObject({ bad_msg_id: messageId, bad_msg_seqno: 3, error_code: code });
  });

  it("refuses an id that is not divisible by four with code 18", async () => {
    session.sendWire({ messageId: session.nextMessageId() + 1n, sequence: 3, body: body() });
    const { value } = await session.expect("bad_msg_notification");
    expect(value["error_code"]).toBe(18);
  });

  it("refuses a sequence number that falls back with code 32", async () => {
    session.sendWire({ messageId: session.nextMessageId(), sequence: 9, body: body() });
    session.sendWire({ messageId: session.nextMessageId(), sequence: 5, body: body() });
    const { value } = await session.expect("bad_msg_notification");
    expect(value).toMatchObject({ bad_msg_seqno: 5, error_code: 32 });
  });

  it("refuses an older message with a later sequence number with code 33", async () => {
    const older = session.nextMessageId();
    session.sendWire({ messageId: session.nextMessageId(), sequence: 9, body: body() });
    session.sendWire({ messageId: older, sequence: 11, body: body() });
    const { value } = await session.expect("bad_msg_notification");
    expect(value).toMatchObject({ bad_msg_id: older, error_code: 33 });
  });

  it("refuses a call with an even sequence number with code 35", async () => {
    session.sendWire({ messageId: session.nextMessageId(), sequence: 2, body: body() });
    const { value } = await session.expect("bad_msg_notification");
    expect(value["error_code"]).toBe(35);
  });

  it("refuses a container with an odd sequence number with code 34", async () => {
    const messageId = session.nextMessageId();
    const inner = writeContainer([{ messageId, sequence: 3, body: body() }]);
    session.sendWire({ messageId: session.nextMessageId(), sequence: 5, body: inner });
    const { value } = await session.expect("bad_msg_notification");
    expect(value["error_code"]).toBe(34);
  });

  it("counts every refusal by its code", async () => {
    session.sendWire({ messageId: session.nextMessageId(), sequence: 2, body: body() });
    await session.expect("bad_msg_notification");
    expect(dc.server.stats.badMessages.get(35)).toBe(1);
  });
});

describe("containers", () => {
  it("carry several calls, each answered", async () => {
    const messages = [1, 2, 3].map(() => ({
      messageId: session.nextMessageId(),
      sequence: session.nextSequence(true),
      body: session.encodeApi(NEAREST),
    }));
    session.container(messages);
    for (const { messageId } of messages) {
      expect((await session.resultOf(messageId)).value["result"]).toMatchObject({ _: "nearestDc" });
    }
  });

  it("refuse to nest with code 64", async () => {
    const messageId = session.nextMessageId();
    const innermost = { messageId, sequence: 3, body: session.encodeApi(NEAREST) };
    const nested = {
      messageId: session.nextMessageId(),
      sequence: 4,
      body: writeContainer([innermost]),
    };
    session.container([nested]);
    const { value } = await session.expect("bad_msg_notification");
    expect(value["error_code"]).toBe(64);
  });

  it("refuse a message younger than themselves with code 64", async () => {
    const containerId = session.nextMessageId();
    const younger = session.nextMessageId();
    session.container(
      [{ messageId: younger, sequence: 3, body: session.encodeApi(NEAREST) }],
      containerId,
    );
    const { value } = await session.expect("bad_msg_notification");
    expect(value).toMatchObject({ bad_msg_id: containerId, error_code: 64 });
  });

  it("refuse the id of an earlier message with code 19", async () => {
    const earlier = session.call(NEAREST);
    await session.resultOf(earlier);
    session.container(
      [{ messageId: earlier - 8n, sequence: 3, body: session.encodeApi(NEAREST) }],
      earlier,
    );
    const { value } = await session.expect("bad_msg_notification");
    expect(value["error_code"]).toBe(19);
  });
});

describe("packing", () => {
  it("packs a long answer and leaves a short one plain", async () => {
    const short = await session.resultOf(session.call(NEAREST));
    expect(short.value["isPacked"]).toBe(false);
    dc.world.answer = () => ({
      kind: "result",
      value: { _: "nearestDc", country: "X".repeat(2_000), this_dc: 2, nearest_dc: 2 },
    });
    const long = await session.resultOf(session.call(NEAREST));
    expect(long.value).toMatchObject({ isPacked: true, result: { country: "X".repeat(2_000) } });
    expect(dc.server.stats.packedAnswers).toBe(1);
  });

  it("leaves a long body plain that packing would not shorten", () => {
    const body = randomBytes(4_000);
    expect(packIfSmaller(body, 512)).toBe(body);
  });

  it("reads a packed call", async () => {
    const packed = gzipSync(session.encodeApi(NEAREST));
    const messageId = session.nextMessageId();
    session.sendWire({
      messageId,
      sequence: session.nextSequence(true),
      body: new TlWriter().uint(0x3072cfa1).bytes(packed).finish(),
    });
    expect((await session.resultOf(messageId)).value["result"]).toMatchObject({ _: "nearestDc" });
  });
});

describe("answers that the client has not acknowledged", () => {
  it("are sent again for a repeated call, which is not executed again", async () => {
    const messageId = session.nextMessageId();
    const wire = {
      messageId,
      sequence: session.nextSequence(true),
      body: session.encodeApi(NEAREST),
    };
    session.sendWire(wire);
    const first = await session.resultOf(messageId);
    const executed = callsOf(NEAREST._);
    session.sendWire(wire);
    const second = await session.resultOf(messageId);
    expect(second.messageId).toBe(first.messageId);
    expect(callsOf(NEAREST._)).toBe(executed);
    expect(dc.server.stats.duplicateMessages).toBe(1);
  });

  it("are sent again on the next connection of the session", async () => {
    const answered = await session.resultOf(session.call(NEAREST));
    await raw.cut();
    const next = await open();
    session.moveTo(next);
    session.service({ _: "ping", ping_id: 1n });
    const again = await session.resultOf(answered.value["req_msg_id"] as bigint);
    expect(again.messageId).toBe(answered.messageId);
    expect(again.sequence).toBe(answered.sequence);
  });

  it("are not sent again once they are acknowledged", async () => {
    const answered = await session.resultOf(session.call(NEAREST));
    session.service({ _: "msgs_ack", msg_ids: [answered.messageId] });
    session.service({ _: "ping", ping_id: 1n });
    await session.expect("pong");
    session.service({ _: "msg_resend_req", msg_ids: [answered.messageId] });
    const { value } = await session.expect("msgs_state_info");
    expect(value["info"]).toEqual(Buffer.from([1]));
  });

  it("are sent again when the client asks for them", async () => {
    const answered = await session.resultOf(session.call(NEAREST));
    session.service({ _: "msg_resend_req", msg_ids: [answered.messageId] });
    const again = await session.resultOf(answered.value["req_msg_id"] as bigint);
    expect(again.messageId).toBe(answered.messageId);
  });

  it("are sent before the state that the client asked for", async () => {
    const answered = await session.resultOf(session.call(NEAREST));
    const callId = answered.value["req_msg_id"] as bigint;
    session.service({ _: "msgs_state_req", msg_ids: [callId, callId + (1n << 32n)] });
    expect((await session.resultOf(callId)).messageId).toBe(answered.messageId);
    const { value } = await session.expect("msgs_state_info");
    expect([...(value["info"] as Buffer)]).toEqual([4 | 8 | 32 | 64, 3]);
  });

  it("are dropped oldest first beyond the bound, and counted", async () => {
    const { connection } = await nextServed();
    for (let index = 0; index < 8; index++) connection.push(updateOf(index));
    expect(dc.server.stats.unackedDropped).toBeGreaterThan(0);
    await raw.cut();
    const next = await open();
    session.moveTo(next);
    session.service({ _: "ping", ping_id: 1n });
    await session.expect("pong");
    expect(dc.server.stats.resentMessages).toBe(5);
  });
});

async function nextServed(): Promise<{ connection: (typeof dc.world.connections)[number] }> {
  await session.resultOf(session.call(NEAREST));
  const connection = dc.world.connections.at(-1);
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
    const first = await session.expect("updateShort");
    expect(first.value["date"]).toBe(7);
    expect(first.sequence % 2).toBe(1);
    await raw.cut();
    session.moveTo(await open());
    session.service({ _: "ping", ping_id: 1n });
    expect((await session.expect("updateShort")).messageId).toBe(first.messageId);
  });

  it("that the layer cannot express are reported and do not harm the caller", async () => {
    const { connection } = await nextServed();
    connection.push({ _: "updateShort", update: { _: "noSuchUpdate" } });
    expect(dc.incidents.at(-1)).toMatchObject({ code: "ANSWER_NOT_ENCODABLE" });
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
    await session.resultOf(session.call({ _: "invokeWithoutUpdates", query: NEAREST }));
    expect(connection.wantsUpdates).toBe(false);
  });
});

describe("calls", () => {
  it("are refused before the key has said what its client is", async () => {
    const other = await open();
    const fresh = startSession(dc, other, await exchangeKey(dc, other));
    const answer = await fresh.resultOf(fresh.call(NEAREST));
    expect(answer.value["result"]).toMatchObject({
      error_code: 400,
      error_message: Buffer.from("CONNECTION_NOT_INITED"),
    });
  });

  it("of an unknown method are refused with its id, and counted", async () => {
    const messageId = session.nextMessageId();
    const body = Buffer.from("0df0ad0b", "hex");
    session.sendWire({ messageId, sequence: session.nextSequence(true), body });
    const answer = await session.resultOf(messageId);
    expect(answer.value["result"]).toMatchObject({
      error_code: 400,
      error_message: Buffer.from("INPUT_METHOD_INVALID_0badf00d_198"),
    });
    expect(dc.server.stats.unknownConstructors.get("0badf00d")).toBe(1);
  });

  it("that are cut are refused, and counted", async () => {
    const messageId = session.nextMessageId();
    const body = session.encodeApi({ _: "help.getAppConfig", hash: 1 }).subarray(0, 4);
    session.sendWire({ messageId, sequence: session.nextSequence(true), body });
    const answer = await session.resultOf(messageId);
    expect(answer.value["result"]).toMatchObject({ error_code: 400 });
    expect(dc.server.stats.undecodableCalls.get("TL_TRUNCATED")).toBe(1);
  });

  it("whose handler throws are answered 500, and reported", async () => {
    dc.world.answer = () => {
      throw new Error("broken handler");
    };
    const answer = await session.resultOf(session.call(NEAREST));
    expect(answer.value["result"]).toMatchObject({ error_code: 500 });
    expect(dc.incidents.at(-1)).toMatchObject({ code: "HANDLER_FAILED" });
  });

  it("whose answer lacks a field are answered 500, and the field is named", async () => {
    dc.world.answer = () => ({ kind: "result", value: { _: "help.appConfig" } });
    const answer = await session.resultOf(session.call({ _: "help.getAppConfig" }));
    expect(answer.value["result"]).toMatchObject({ error_code: 500 });
    expect(dc.incidents.at(-1)?.message).toMatch(/help\.appConfig\.config/);
  });

  it("in an unknown layer are answered in the nearest one, and counted", async () => {
    const query = { _: "invokeWithLayer", layer: 190, query: NEAREST };
    await session.resultOf(session.call(query));
    expect(dc.server.stats.layerFallbacks.get(190)).toBe(1);
    expect(dc.world.calls.at(-1)?.layer).toBe(198);
  });

  it("that take their time are acknowledged before they are answered", async () => {
    const held = holdAnswers(NEAREST._);
    const messageId = session.call(NEAREST);
    const ack = await session.expect("msgs_ack");
    expect(ack.value["msg_ids"]).toContain(messageId);
    held.release(OK);
    expect((await session.resultOf(messageId)).value["result"]).toMatchObject({ _: "nearestDc" });
  });

  it("wait for the call that invokeAfterMsg names", async () => {
    const held = holdAnswers("help.getAppConfig");
    const first = session.call({ _: "help.getAppConfig" });
    const second = session.call({ _: "invokeAfterMsg", msg_id: first, query: NEAREST });
    await session.expect("msgs_ack");
    const before = callsOf(NEAREST._);
    held.release({ kind: "result", value: { _: "help.appConfigNotModified" } });
    await session.resultOf(second);
    expect(callsOf(NEAREST._)).toBe(before + 1);
  });

  it("fail when the call that they wait for fails", async () => {
    const first = session.call({ _: "account.getPassword" });
    const second = session.call({ _: "invokeAfterMsgs", msg_ids: [first], query: NEAREST });
    expect((await session.resultOf(second)).value["result"]).toMatchObject({
      error_message: Buffer.from("MSG_WAIT_FAILED"),
    });
  });

  it("can be cut without an answer", async () => {
    dc.world.answer = () => ({ kind: "cut" });
    const closed = dc.world.nextClose();
    session.call(NEAREST);
    expect(await closed).toBe(dc.world.connections[0]?.id);
  });

  it("can be left unanswered", async () => {
    dc.world.answer = () => ({ kind: "drop" });
    session.call(NEAREST);
    session.service({ _: "ping", ping_id: 5n });
    expect((await session.expect("pong")).value["ping_id"]).toBe(5n);
  });
});

describe("dropping an answer", () => {
  async function drop(messageId: bigint): Promise<unknown> {
    const request = session.service({ _: "rpc_drop_answer", req_msg_id: messageId }, true);
    return (await session.resultOf(request)).value["result"];
  }

  it("of a running call keeps it from being sent", async () => {
    const held = holdAnswers("help.getAppConfig");
    const running = session.call({ _: "help.getAppConfig" });
    expect(await drop(running)).toMatchObject({ _: "rpc_answer_dropped_running" });
    held.release({ kind: "result", value: { _: "help.appConfigNotModified" } });
    const other = await session.resultOf(session.call({ ...NEAREST }));
    expect(other.value["req_msg_id"]).not.toBe(running);
    expect(await drop(running)).toMatchObject({ _: "rpc_answer_unknown" });
  });

  it("that was sent names it and forgets it", async () => {
    const answered = await session.resultOf(session.call(NEAREST));
    expect(await drop(answered.value["req_msg_id"] as bigint)).toMatchObject({
      _: "rpc_answer_dropped",
      msg_id: answered.messageId,
    });
  });
});

describe("the connection's own messages", () => {
  it("a new session is announced once, with its first message", async () => {
    const other = startSession(dc, raw, key);
    const first = other.call(NEAREST);
    const { value } = await other.expect("new_session_created");
    expect(value["first_msg_id"]).toBe(first);
    expect(value["server_salt"]).toBe(key.salt);
  });

  it("ping_delay_disconnect closes the connection when no further one comes in time", async () => {
    session.service({ _: "ping_delay_disconnect", ping_id: 1n, disconnect_delay: 75 });
    await session.expect("pong");
    clock.advance(60_000);
    session.service({ _: "ping_delay_disconnect", ping_id: 2n, disconnect_delay: 75 });
    await session.expect("pong");
    clock.advance(60_000);
    expect(raw.socket.destroyed).toBe(false);
    const closed = dc.world.nextClose();
    clock.advance(16_000);
    expect(await closed).toBe(dc.world.connections[0]?.id);
  });

  it("destroy_session forgets another session and refuses one that it does not know", async () => {
    const other = startSession(dc, raw, key);
    await other.resultOf(other.call(NEAREST));
    session.service({ _: "destroy_session", session_id: other.id });
    expect((await session.expect("destroy_session_ok")).value["session_id"]).toBe(other.id);
    session.service({ _: "destroy_session", session_id: other.id });
    await session.expect("destroy_session_none");
  });

  it("destroy_auth_key ends the key: the next frame gets -404", async () => {
    session.service({ _: "destroy_auth_key" }, true);
    await session.expect("destroy_auth_key_ok");
    session.call(NEAREST);
    await expect(session.expect("rpc_result")).rejects.toThrow("transport error -404");
  });

  it("http_wait and the client's own reports are tolerated", async () => {
    session.service({ _: "http_wait", max_delay: 0, wait_after: 0, max_wait: 0 });
    session.service({ _: "msgs_all_info", msg_ids: [1n], info: Buffer.from([1]) });
    session.service({ _: "msg_new_detailed_info", answer_msg_id: 1n, bytes: 1, status: 0 });
    session.service({ _: "ping", ping_id: 9n });
    expect((await session.expect("pong")).value["ping_id"]).toBe(9n);
  });
});

describe("the world's word on a key", () => {
  it("404 refuses it at transport level", async () => {
    dc.world.onFrameVerdict = () => 404;
    session.call(NEAREST);
    await expect(session.expect("rpc_result")).rejects.toThrow("transport error -404");
    await raw.closed;
  });

  it("ignore swallows the frame", async () => {
    const before = dc.server.stats.calls;
    dc.world.onFrameVerdict = () => "ignore";
    session.call(NEAREST);
    const swallowed = dc.world.nextClose();
    await raw.cut();
    await swallowed;
    expect(dc.server.stats.calls).toBe(before);
  });

  it("destroyKey ends it: the next frame gets -404", async () => {
    dc.server.registry.destroyKey(keyHexId());
    session.call(NEAREST);
    await expect(session.expect("rpc_result")).rejects.toThrow("transport error -404");
  });

  it("keys are exported and work in another data centre that imports them", async () => {
    const other = await startStubDataCentre();
    other.server.registry.importKeys(dc.server.registry.exportKeys());
    const connection = await openRaw(other);
    const moved = startSession(other, connection, key);
    const answer = await moved.resultOf(moved.call(NEAREST));
    expect(answer.value["result"]).toMatchObject({ _: "nearestDc" });
    await connection.cut();
    await other.close();
  });
});
