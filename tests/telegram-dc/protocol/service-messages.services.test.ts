import { describe, expect, it } from "vitest";
import { openRaw } from "../../fixtures/telegram-dc/raw-client.ts";
import { useRawSession } from "../../fixtures/telegram-dc/raw-fixture.ts";
import { startSession } from "../../fixtures/telegram-dc/raw-session.ts";
import { startStubDataCentre } from "../../fixtures/telegram-dc/stub-world.ts";

const NEAREST = { _: "help.getNearestDc" };
const at = useRawSession();

describe("the connection's own messages", () => {
  it("a new session is announced once, with its first message", async () => {
    const other = startSession(at.dc, at.raw, at.key);
    const first = other.call(NEAREST);
    const { value } = await other.expect("new_session_created");
    expect(value["first_msg_id"]).toBe(first);
    expect(value["server_salt"]).toBe(at.key.salt);
  });

  it("ping_delay_disconnect closes the connection when no further one comes in time", async () => {
    at.session.service({ _: "ping_delay_disconnect", ping_id: 1n, disconnect_delay: 75 });
    await at.session.expect("pong");
    at.clock.advance(60_000);
    at.session.service({ _: "ping_delay_disconnect", ping_id: 2n, disconnect_delay: 75 });
    await at.session.expect("pong");
    at.clock.advance(60_000);
    expect(at.raw.socket.destroyed).toBe(false);
    const closed = at.dc.world.nextClose();
    at.clock.advance(16_000);
    expect(await closed).toBe(at.dc.world.connections[0]?.id);
  });

  it("destroy_session forgets another session and refuses one that it does not know", async () => {
    const other = startSession(at.dc, at.raw, at.key);
    await other.resultOf(other.call(NEAREST));
    at.session.service({ _: "destroy_session", session_id: other.id });
    expect((await at.session.expect("destroy_session_ok")).value["session_id"]).toBe(other.id);
    at.session.service({ _: "destroy_session", session_id: other.id });
    await at.session.expect("destroy_session_none");
  });

  it("destroy_auth_key ends the key: the next frame gets -404", async () => {
    at.session.service({ _: "destroy_auth_key" }, true);
    await at.session.expect("destroy_auth_key_ok");
    at.session.call(NEAREST);
    await expect(at.session.expect("rpc_result")).rejects.toThrow("transport error -404");
  });

  it("http_wait and the client's own reports are tolerated", async () => {
    at.session.service({ _: "http_wait", max_delay: 0, wait_after: 0, max_wait: 0 });
    at.session.service({ _: "msgs_all_info", msg_ids: [1n], info: Buffer.from([1]) });
    at.session.service({ _: "msg_new_detailed_info", answer_msg_id: 1n, bytes: 1, status: 0 });
    at.session.service({ _: "ping", ping_id: 9n });
    expect((await at.session.expect("pong")).value["ping_id"]).toBe(9n);
  });
});

describe("the world's word on a key", () => {
  it("404 refuses it at transport level", async () => {
    at.dc.world.onFrameVerdict = () => 404;
    at.session.call(NEAREST);
    await expect(at.session.expect("rpc_result")).rejects.toThrow("transport error -404");
    await at.raw.closed;
  });

  it("ignore swallows the frame", async () => {
    const before = at.dc.server.stats.calls;
    at.dc.world.onFrameVerdict = () => "ignore";
    at.session.call(NEAREST);
    const swallowed = at.dc.world.nextClose();
    await at.raw.cut();
    await swallowed;
    expect(at.dc.server.stats.calls).toBe(before);
  });

  it("destroyKey ends it: the next frame gets -404", async () => {
    at.dc.server.registry.destroyKey(at.keyHexId());
    at.session.call(NEAREST);
    await expect(at.session.expect("rpc_result")).rejects.toThrow("transport error -404");
  });

  it("keys are exported and work in another data centre that imports them", async () => {
    const other = await startStubDataCentre();
    other.server.registry.importKeys(at.dc.server.registry.exportKeys());
    const connection = await openRaw(other);
    const moved = startSession(other, connection, at.key);
    const answer = await moved.resultOf(moved.call(NEAREST));
    expect(answer.value["result"]).toMatchObject({ _: "nearestDc" });
    await connection.cut();
    await other.close();
  });
});
