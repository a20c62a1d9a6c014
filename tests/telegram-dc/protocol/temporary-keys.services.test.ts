import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha1 } from "../../../src/telegram-dc/protocol/crypto/hash.ts";
import { igeEncrypt } from "../../../src/telegram-dc/protocol/crypto/ige.ts";
import { deriveMessageKeyV1 } from "../../../src/telegram-dc/protocol/crypto/message-keys.ts";
import { longField } from "../../../src/telegram-dc/protocol/tl/fields.ts";
import type { TlObject } from "../../../src/telegram-dc/seam.ts";
import { connectMtcute } from "../../fixtures/telegram-dc/mtcute-client.ts";
import { type ManualClock, createManualClock } from "../../fixtures/telegram-dc/manual-clock.ts";
import { type RawConnection, openRaw } from "../../fixtures/telegram-dc/raw-client.ts";
import { type RawKey, exchangeKey } from "../../fixtures/telegram-dc/raw-handshake.ts";
import {
  type RawSession,
  initialised,
  startSession,
} from "../../fixtures/telegram-dc/raw-session.ts";
import { type StubDataCentre, startStubDataCentre } from "../../fixtures/telegram-dc/stub-world.ts";

const NEAREST = { _: "help.getNearestDc" } as const;
const LIFETIME_SECONDS = 3_600;
let clock: ManualClock;
let dc: StubDataCentre;
let raw: RawConnection;
let permanent: RawKey;
let temporary: RawKey;
let session: RawSession;

beforeEach(async () => {
  clock = createManualClock();
  dc = await startStubDataCentre({ clock });
  raw = await openRaw(dc);
  permanent = await exchangeKey(dc, raw);
  temporary = await exchangeKey(dc, raw, {}, LIFETIME_SECONDS);
  session = startSession(dc, raw, temporary);
});
afterEach(async () => {
  await raw.cut();
  await dc.close();
});

/** Sends auth.bindTempAuthKey, with parts of the sealed message changed. */
async function bind(changes?: TlObject, hashesOther = false): Promise<unknown> {
  const messageId = session.nextMessageId();
  const expiresAt = Math.floor(clock.nowMs() / 1000) + LIFETIME_SECONDS;
  const inner = {
    nonce: 11n,
    temp_auth_key_id: temporary.id,
    perm_auth_key_id: permanent.id,
    temp_session_id: session.id,
    expires_at: expiresAt,
    ...changes,
    _: "bind_auth_key_inner",
  };
  const body = session.encodeService(inner);
  const head = Buffer.alloc(16);
  head.writeBigInt64LE(messageId, 0);
  head.writeInt32LE(body.length, 12);
  const bare = Buffer.concat([randomBytes(16), head, body]);
  const messageKey = sha1(hashesOther ? randomBytes(bare.length) : bare).subarray(4, 20);
  const padding = randomBytes((16 - (bare.length % 16)) % 16);
  const sealed = igeEncrypt(
    deriveMessageKeyV1(permanent.bytes, messageKey),
    Buffer.concat([bare, padding]),
  );
  const id = Buffer.alloc(8);
  id.writeBigInt64LE(permanent.id);
  session.sendWire({
    messageId,
    sequence: session.nextSequence(true),
    body: session.encodeApi({
      _: "auth.bindTempAuthKey",
      perm_auth_key_id: permanent.id,
      nonce: 11n,
      expires_at: expiresAt,
      encrypted_message: Buffer.concat([id, messageKey, sealed]),
    }),
  });
  return (await session.resultOf(messageId)).value["result"];
}

const INVALID = {
  error_code: 400,
  error_message: Buffer.from("ENCRYPTED_MESSAGE_INVALID"),
};

describe("a temporary key", () => {
  it("may not call anything before it is bound, and the world hears nothing of it", async () => {
    const answer = await session.resultOf(session.call(initialised(NEAREST)));
    expect(answer.value["result"]).toMatchObject({
      error_code: 401,
      error_message: Buffer.from("AUTH_KEY_PERM_EMPTY"),
    });
    expect(dc.world.calls).toHaveLength(0);
    expect(dc.world.connections[0]?.authKeyId).toBeUndefined();
  });

  it("counts as its permanent key once it is bound", async () => {
    expect(await bind()).toBe(true);
    await session.resultOf(session.call(initialised(NEAREST)));
    const [permanentKey, temporaryKey] = dc.world.keys;
    expect(temporaryKey?.kind).toBe("temporary");
    expect(dc.world.calls[0]?.authKeyId).toBe(permanentKey?.authKeyId);
    expect(dc.world.connections[0]?.authKeyId).toBe(permanentKey?.authKeyId);
  });

  it.each([
    ["nonce", { _: "", nonce: 12n }],
    ["temporary key", { _: "", temp_auth_key_id: 5n }],
    ["permanent key", { _: "", perm_auth_key_id: 5n }],
    ["session", { _: "", temp_session_id: 5n }],
    ["expiry", { _: "", expires_at: 5 }],
  ])("is not bound by a message that names another %s", async (_what, changes) => {
    expect(await bind(changes)).toMatchObject(INVALID);
  });

  it("is not bound by a message whose key is not its hash", async () => {
    expect(await bind(undefined, true)).toMatchObject(INVALID);
  });

  it("shares the sessions of its permanent key, so that nothing unacknowledged is lost", async () => {
    await bind();
    const answered = await session.resultOf(session.call(initialised(NEAREST)));
    const other = await openRaw(dc);
    const byPermanent = startSession(dc, other, permanent);
    byPermanent.adopt(session.id);
    byPermanent.service({ _: "ping", ping_id: 1n });
    const again = await byPermanent.resultOf(longField(answered.value, "req_msg_id"));
    expect(again.messageId).toBe(answered.messageId);
    await other.cut();
  });

  it("keeps the session in which it was bound", async () => {
    await bind();
    await session.resultOf(session.call(initialised(NEAREST)));
    expect(session.unreadOf("new_session_created")).toBe(1);
  });

  it("ends in its time: the next frame gets -404", async () => {
    await bind();
    clock.advance(LIFETIME_SECONDS * 1000 + 1);
    session.call(NEAREST);
    await expect(session.expect("rpc_result")).rejects.toThrow("transport error -404");
  });

  it("ends with its permanent key", async () => {
    await bind();
    dc.server.registry.destroyKey(dc.world.keys[0]?.authKeyId ?? "");
    session.call(NEAREST);
    await expect(session.expect("rpc_result")).rejects.toThrow("transport error -404");
  });

  it("is not exported: only permanent keys outlive the program", async () => {
    await bind();
    expect(dc.server.registry.exportKeys().map((stored) => stored.authKeyId)).toEqual([
      dc.world.keys[0]?.authKeyId,
    ]);
  });
});

describe("unmodified mtcute with perfect forward secrecy", () => {
  it("binds its temporary key and calls as its permanent one", async () => {
    const client = await connectMtcute(dc, {
      client: { network: { usePfs: true, connectionCount: () => 1 } },
    });
    try {
      expect(await client.call(NEAREST)).toMatchObject({ thisDc: 2 });
      const [, , permanentKey, temporaryKey] = dc.world.keys;
      expect(temporaryKey?.kind).toBe("temporary");
      expect(dc.world.calls.at(-1)?.authKeyId).toBe(permanentKey?.authKeyId);
    } finally {
      await client.destroy();
    }
  });
});
