import { describe, expect, it } from "vitest";
import { writeContainer } from "../../../src/telegram-dc/protocol/messages/container.ts";
import { longField } from "../../../src/telegram-dc/protocol/tl/fields.ts";
import { useRawSession } from "../../fixtures/telegram-dc/raw-fixture.ts";

const NEAREST = { _: "help.getNearestDc" };
const at = useRawSession();

describe("server salts", () => {
  it("are corrected once by bad_server_salt, and the call is not executed until then", async () => {
    at.session.salt = 1n;
    const before = at.callsOf(NEAREST._);
    const refused = at.session.call(NEAREST);
    const notice = await at.session.expect("bad_server_salt");
    expect(notice.value).toMatchObject({ bad_msg_id: refused, error_code: 48 });
    expect(notice.value["new_server_salt"]).toBe(at.key.salt);
    expect(at.callsOf(NEAREST._)).toBe(before);
  });

  it("can be rotated: the old one ends, the new one is told", async () => {
    expect(at.dc.server.registry.rotateSalt(at.keyHexId())).toBe(true);
    at.session.call(NEAREST);
    const notice = await at.session.expect("bad_server_salt");
    expect(notice.value["new_server_salt"]).not.toBe(at.key.salt);
    at.session.salt = longField(notice.value, "new_server_salt");
    const answer = await at.session.resultOf(at.session.call(NEAREST));
    expect(answer.value["result"]).toMatchObject({ _: "nearestDc" });
  });

  it("are known in advance and hold in their own time", async () => {
    at.session.service({ _: "get_future_salts", num: 3 });
    const { value } = await at.session.expect("future_salts");
    const salts = Array.isArray(value["salts"]) ? value["salts"] : [];
    expect(salts).toHaveLength(3);
    at.clock.advance(3_700_000);
    at.session.salt = longField(salts[2], "salt");
    const messageId = at.session.nextMessageId() + (3_700n << 32n);
    at.session.sendWire({ messageId, sequence: 3, body: at.session.encodeApi(NEAREST) });
    const answer = await at.session.resultOf(messageId);
    expect(answer.value["result"]).toMatchObject({ _: "nearestDc" });
  });
});

function nearestBody(): Buffer {
  return at.session.encodeApi(NEAREST);
}

describe("message ids and sequence numbers", () => {
  it.each([
    ["too old", 16, -400n],
    ["too far ahead", 17, 60n],
  ])("refuses an id that is %s with code %i", async (_what, code, seconds) => {
    const messageId = at.session.nextMessageId() + (seconds << 32n);
    at.session.sendWire({ messageId, sequence: 3, body: nearestBody() });
    const { value } = await at.session.expect("bad_msg_notification");
    expect(value).toMatchObject({ bad_msg_id: messageId, bad_msg_seqno: 3, error_code: code });
  });

  it("refuses an id that is not divisible by four with code 18", async () => {
    at.session.sendWire({
      messageId: at.session.nextMessageId() + 1n,
      sequence: 3,
      body: nearestBody(),
    });
    const { value } = await at.session.expect("bad_msg_notification");
    expect(value["error_code"]).toBe(18);
  });

  it("refuses a sequence number that falls back with code 32", async () => {
    at.session.sendWire({
      messageId: at.session.nextMessageId(),
      sequence: 9,
      body: nearestBody(),
    });
    at.session.sendWire({
      messageId: at.session.nextMessageId(),
      sequence: 5,
      body: nearestBody(),
    });
    const { value } = await at.session.expect("bad_msg_notification");
    expect(value).toMatchObject({ bad_msg_seqno: 5, error_code: 32 });
  });

  it("refuses an older message with a later sequence number with code 33", async () => {
    const older = at.session.nextMessageId();
    at.session.sendWire({
      messageId: at.session.nextMessageId(),
      sequence: 9,
      body: nearestBody(),
    });
    at.session.sendWire({ messageId: older, sequence: 11, body: nearestBody() });
    const { value } = await at.session.expect("bad_msg_notification");
    expect(value).toMatchObject({ bad_msg_id: older, error_code: 33 });
  });

  it("refuses a call with an even sequence number with code 35", async () => {
    at.session.sendWire({
      messageId: at.session.nextMessageId(),
      sequence: 2,
      body: nearestBody(),
    });
    const { value } = await at.session.expect("bad_msg_notification");
    expect(value["error_code"]).toBe(35);
  });

  it("refuses a container with an odd sequence number with code 34", async () => {
    const messageId = at.session.nextMessageId();
    const inner = writeContainer([{ messageId, sequence: 3, body: nearestBody() }]);
    at.session.sendWire({ messageId: at.session.nextMessageId(), sequence: 5, body: inner });
    const { value } = await at.session.expect("bad_msg_notification");
    expect(value["error_code"]).toBe(34);
  });

  it("counts every refusal by its code", async () => {
    at.session.sendWire({
      messageId: at.session.nextMessageId(),
      sequence: 2,
      body: nearestBody(),
    });
    await at.session.expect("bad_msg_notification");
    expect(at.dc.server.stats.badMessages.get(35)).toBe(1);
  });
});

describe("containers", () => {
  it("carry several calls, each answered", async () => {
    const messages = [1, 2, 3].map(() => ({
      messageId: at.session.nextMessageId(),
      sequence: at.session.nextSequence(true),
      body: at.session.encodeApi(NEAREST),
    }));
    at.session.container(messages);
    for (const { messageId } of messages) {
      expect((await at.session.resultOf(messageId)).value["result"]).toMatchObject({
        _: "nearestDc",
      });
    }
  });

  it("refuse an id that is not divisible by four with code 18", async () => {
    const messageId = at.session.nextMessageId();
    const containerId = at.session.nextMessageId() + 1n;
    at.session.container([{ messageId, sequence: 3, body: nearestBody() }], containerId);
    const { value } = await at.session.expect("bad_msg_notification");
    expect(value).toMatchObject({ bad_msg_id: containerId, error_code: 18 });
  });

  it("refuse to nest with code 64", async () => {
    const messageId = at.session.nextMessageId();
    const innermost = { messageId, sequence: 3, body: at.session.encodeApi(NEAREST) };
    const nested = {
      messageId: at.session.nextMessageId(),
      sequence: 4,
      body: writeContainer([innermost]),
    };
    at.session.container([nested]);
    const { value } = await at.session.expect("bad_msg_notification");
    expect(value["error_code"]).toBe(64);
  });

  it("refuse a message younger than themselves with code 64", async () => {
    const containerId = at.session.nextMessageId();
    const younger = at.session.nextMessageId();
    at.session.container(
      [{ messageId: younger, sequence: 3, body: at.session.encodeApi(NEAREST) }],
      containerId,
    );
    const { value } = await at.session.expect("bad_msg_notification");
    expect(value).toMatchObject({ bad_msg_id: containerId, error_code: 64 });
  });

  it("refuse the id of an earlier message with code 19", async () => {
    const earlier = at.session.call(NEAREST);
    await at.session.resultOf(earlier);
    at.session.container(
      [{ messageId: earlier - 8n, sequence: 3, body: at.session.encodeApi(NEAREST) }],
      earlier,
    );
    const { value } = await at.session.expect("bad_msg_notification");
    expect(value["error_code"]).toBe(19);
  });
});
