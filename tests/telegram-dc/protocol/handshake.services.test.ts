import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dhPrime } from "../../../src/telegram-dc/protocol/crypto/diffie-hellman.ts";
import type { TlObject } from "../../../src/telegram-dc/seam.ts";
import { type RawConnection, openRaw } from "../../fixtures/telegram-dc/raw-client.ts";
import { type HandshakeTampering, exchangeKey } from "../../fixtures/telegram-dc/raw-handshake.ts";
import { initialised, startSession } from "../../fixtures/telegram-dc/raw-session.ts";
import { type StubDataCentre, startStubDataCentre } from "../../fixtures/telegram-dc/stub-world.ts";

let dc: StubDataCentre;
const opened: RawConnection[] = [];

async function open(): Promise<RawConnection> {
  const raw = await openRaw(dc);
  opened.push(raw);
  return raw;
}

beforeAll(async () => {
  dc = await startStubDataCentre();
});
afterAll(async () => {
  for (const raw of opened) await raw.cut();
  await dc.close();
});

function flipLastBit(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}

function change(field: string, value: TlObject[string]): (honest: TlObject) => TlObject {
  return (honest) => ({ ...honest, [field]: value });
}

const SMALL = Buffer.concat([Buffer.alloc(255), Buffer.from([2])]);

const REFUSED: readonly [string, HandshakeTampering, string][] = [
  ["a wrong nonce", { reqDhParams: change("nonce", randomBytes(16)) }, "-404"],
  ["a wrong server nonce", { reqDhParams: change("server_nonce", randomBytes(16)) }, "-404"],
  ["a wrong factor", { reqDhParams: change("p", Buffer.from([7])) }, "-404"],
  ["the fingerprint of another key", { reqDhParams: change("public_key_fingerprint", 1n) }, "-404"],
  [
    "RSA data of the wrong length",
    { reqDhParams: change("encrypted_data", randomBytes(255)) },
    "-404",
  ],
  ["a wrong hash inside the RSA padding", { rsaBlock: flipLastBit }, "-404"],
  ["a wrong nonce inside the RSA padding", { innerData: change("nonce", randomBytes(16)) }, "-404"],
  [
    "a wrong server nonce inside the RSA padding",
    { innerData: change("server_nonce", randomBytes(16)) },
    "-404",
  ],
  ["a wrong pq inside the RSA padding", { innerData: change("pq", randomBytes(8)) }, "-404"],
  ["a key for another data centre", { innerData: change("dc", 4) }, "-444"],
  [
    "a wrong nonce in the last step",
    { setClientDhParams: change("nonce", randomBytes(16)) },
    "-404",
  ],
  ["a wrong hash of the client's data", { clientPlain: flipFirstBit }, "-404"],
  [
    "a wrong nonce in the client's data",
    { clientInnerData: change("nonce", randomBytes(16)) },
    "-404",
  ],
  [
    "a wrong server nonce in the client's data",
    { clientInnerData: change("server_nonce", randomBytes(16)) },
    "-404",
  ],
  ["a g_b that is too small", { clientInnerData: change("g_b", SMALL) }, "-404"],
  ["a g_b that is too near the prime", { clientInnerData: change("g_b", nearPrime()) }, "-404"],
  ["a g_b that is too long", { clientInnerData: change("g_b", randomBytes(300)) }, "-404"],
];

function flipFirstBit(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[0] = (copy[0] ?? 0) ^ 1;
  return copy;
}

function nearPrime(): Buffer {
  const value = Buffer.from(dhPrime);
  value[255] = (value[255] ?? 0) - 2;
  return value;
}

describe("the key exchange", () => {
  it("gives both sides the same key, which answers calls at once", async () => {
    const raw = await open();
    const key = await exchangeKey(dc, raw);
    const session = startSession(dc, raw, key);
    const call = session.call(initialised({ _: "help.getNearestDc" }));
    const answer = await session.resultOf(call);
    expect(answer.value["result"]).toMatchObject({ _: "nearestDc", this_dc: 2 });
  });

  it("tells the world of the key by the id that stands on the wire", async () => {
    const raw = await open();
    const key = await exchangeKey(dc, raw);
    const wireId = Buffer.alloc(8);
    wireId.writeBigInt64LE(key.id);
    expect(dc.world.keys.at(-1)).toEqual({ authKeyId: wireId.toString("hex"), kind: "permanent" });
  });

  it("can be started over on the same connection", async () => {
    const raw = await open();
    const first = await exchangeKey(dc, raw);
    const second = await exchangeKey(dc, raw);
    expect(first.id).not.toBe(second.id);
  });

  it.each(REFUSED)("refuses %s, makes no key and closes", async (_what, tampering, error) => {
    const raw = await open();
    const before = dc.server.stats.keysMade;
    await expect(exchangeKey(dc, raw, tampering)).rejects.toThrow(`transport error ${error}`);
    await raw.closed;
    expect(dc.server.stats.keysMade).toBe(before);
    expect(dc.incidents.at(-1)?.code).toBe("HANDSHAKE_REFUSED");
  });

  it("refuses the last step before the one that precedes it", async () => {
    const raw = await open();
    const skip = { reqDhParams: (honest: TlObject) => ({ ...honest, _: "set_client_DH_params" }) };
    await expect(exchangeKey(dc, raw, skip)).rejects.toThrow("transport error -404");
  });
});
