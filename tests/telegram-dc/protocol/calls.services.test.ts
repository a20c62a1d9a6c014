import { describe, expect, it } from "vitest";
import { longField } from "../../../src/telegram-dc/protocol/tl/fields.ts";
import type { RpcOutcome } from "../../../src/telegram-dc/seam.ts";
import { useRawSession } from "../../fixtures/telegram-dc/raw-fixture.ts";
import { exchangeKey } from "../../fixtures/telegram-dc/raw-handshake.ts";
import { startSession } from "../../fixtures/telegram-dc/raw-session.ts";

const NEAREST = { _: "help.getNearestDc" };
const at = useRawSession();

function holdAnswers(method: string): { release: (outcome: RpcOutcome) => void } {
  const held: { release?: (outcome: RpcOutcome) => void } = {};
  const answered = new Promise<RpcOutcome>((resolve) => {
    held.release = resolve;
  });
  at.dc.world.answer = (call) => (call.query._ === method ? answered : undefined);
  return { release: (outcome) => held.release?.(outcome) };
}

const OK: RpcOutcome = {
  kind: "result",
  value: { _: "nearestDc", country: "XX", this_dc: 2, nearest_dc: 2 },
};

describe("calls", () => {
  it("are refused before the key has said what its client is", async () => {
    const other = await at.open();
    const fresh = startSession(at.dc, other, await exchangeKey(at.dc, other));
    const answer = await fresh.resultOf(fresh.call(NEAREST));
    expect(answer.value["result"]).toMatchObject({
      error_code: 400,
      error_message: Buffer.from("CONNECTION_NOT_INITED"),
    });
  });

  it("of an unknown method are refused with its id, and counted", async () => {
    const messageId = at.session.nextMessageId();
    const body = Buffer.from("0df0ad0b", "hex");
    at.session.sendWire({ messageId, sequence: at.session.nextSequence(true), body });
    const answer = await at.session.resultOf(messageId);
    expect(answer.value["result"]).toMatchObject({
      error_code: 400,
      error_message: Buffer.from("INPUT_METHOD_INVALID_0badf00d_198"),
    });
    expect(at.dc.server.stats.unknownConstructors.get("0badf00d")).toBe(1);
  });

  it("that are cut are refused, and counted", async () => {
    const messageId = at.session.nextMessageId();
    const body = at.session.encodeApi({ _: "help.getAppConfig", hash: 1 }).subarray(0, 4);
    at.session.sendWire({ messageId, sequence: at.session.nextSequence(true), body });
    const answer = await at.session.resultOf(messageId);
    expect(answer.value["result"]).toMatchObject({ error_code: 400 });
    expect(at.dc.server.stats.undecodableCalls.get("TL_TRUNCATED")).toBe(1);
  });

  it("whose handler throws are answered 500, and reported", async () => {
    at.dc.world.answer = () => {
      throw new Error("broken handler");
    };
    const answer = await at.session.resultOf(at.session.call(NEAREST));
    expect(answer.value["result"]).toMatchObject({ error_code: 500 });
    expect(at.dc.incidents.at(-1)).toMatchObject({ code: "HANDLER_FAILED" });
  });

  it("whose answer lacks a field are answered 500, and the field is named", async () => {
    at.dc.world.answer = () => ({ kind: "result", value: { _: "help.appConfig" } });
    const answer = await at.session.resultOf(at.session.call({ _: "help.getAppConfig" }));
    expect(answer.value["result"]).toMatchObject({ error_code: 500 });
    expect(at.dc.incidents.at(-1)?.message).toMatch(/help\.appConfig\.config/);
  });

  it("in an unknown layer are answered in the nearest one, and counted", async () => {
    const query = { _: "invokeWithLayer", layer: 190, query: NEAREST };
    await at.session.resultOf(at.session.call(query));
    expect(at.dc.server.stats.layerFallbacks.get(190)).toBe(1);
    expect(at.dc.world.calls.at(-1)?.layer).toBe(198);
  });

  it("that take their time are acknowledged before they are answered", async () => {
    const held = holdAnswers(NEAREST._);
    const messageId = at.session.call(NEAREST);
    const ack = await at.session.expect("msgs_ack");
    expect(ack.value["msg_ids"]).toContain(messageId);
    held.release(OK);
    expect((await at.session.resultOf(messageId)).value["result"]).toMatchObject({
      _: "nearestDc",
    });
  });

  it("wait for the call that invokeAfterMsg names", async () => {
    const held = holdAnswers("help.getAppConfig");
    const first = at.session.call({ _: "help.getAppConfig" });
    const second = at.session.call({ _: "invokeAfterMsg", msg_id: first, query: NEAREST });
    await at.session.expect("msgs_ack");
    const before = at.callsOf(NEAREST._);
    held.release({ kind: "result", value: { _: "help.appConfigNotModified" } });
    await at.session.resultOf(second);
    expect(at.callsOf(NEAREST._)).toBe(before + 1);
  });

  it("fail when the call that they wait for fails", async () => {
    const first = at.session.call({ _: "account.getPassword" });
    const second = at.session.call({ _: "invokeAfterMsgs", msg_ids: [first], query: NEAREST });
    expect((await at.session.resultOf(second)).value["result"]).toMatchObject({
      error_message: Buffer.from("MSG_WAIT_FAILED"),
    });
  });

  it("can be cut without an answer", async () => {
    at.dc.world.answer = () => ({ kind: "cut" });
    const closed = at.dc.world.nextClose();
    at.session.call(NEAREST);
    expect(await closed).toBe(at.dc.world.connections[0]?.id);
  });

  it("can be left unanswered", async () => {
    at.dc.world.answer = () => ({ kind: "drop" });
    at.session.call(NEAREST);
    at.session.service({ _: "ping", ping_id: 5n });
    expect((await at.session.expect("pong")).value["ping_id"]).toBe(5n);
  });
});

async function drop(messageId: bigint): Promise<unknown> {
  const request = at.session.service({ _: "rpc_drop_answer", req_msg_id: messageId }, true);
  return (await at.session.resultOf(request)).value["result"];
}

describe("dropping an answer", () => {
  it("of a running call keeps it from being sent", async () => {
    const held = holdAnswers("help.getAppConfig");
    const running = at.session.call({ _: "help.getAppConfig" });
    expect(await drop(running)).toMatchObject({ _: "rpc_answer_dropped_running" });
    held.release({ kind: "result", value: { _: "help.appConfigNotModified" } });
    const other = await at.session.resultOf(at.session.call({ ...NEAREST }));
    expect(other.value["req_msg_id"]).not.toBe(running);
    expect(await drop(running)).toMatchObject({ _: "rpc_answer_unknown" });
  });

  it("that was sent names it and forgets it", async () => {
    const answered = await at.session.resultOf(at.session.call(NEAREST));
    expect(await drop(longField(answered.value, "req_msg_id"))).toMatchObject({
      _: "rpc_answer_dropped",
      msg_id: answered.messageId,
    });
  });
});
