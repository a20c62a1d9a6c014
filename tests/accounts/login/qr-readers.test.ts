import { describe, expect, it } from "vitest";
import { createQrReaders } from "../../../src/accounts/login/qr-readers.ts";
import { createSealKey, sealTo } from "../../../src/adapters/crypto/curve-seal.ts";

const url = "tg://login?token=AAAA";
const accepted = async () => ({ accepted: true });
const missing = expect.objectContaining({ code: "SEAL_MISSING" });

function open() {
  return {
    readers: createQrReaders("desk", sealTo),
    mine: createSealKey(),
    theirs: createSealKey(),
  };
}

describe("a QR code's address", () => {
  it("is read by the one who began the login, and by no other key", async () => {
    const { readers, mine, theirs } = open();
    await readers.during("r1", mine.publicKey, accepted);
    const sealed = readers.seal("r1", url);
    expect(mine.open(sealed)).toBe(url);
    expect(() => theirs.open(sealed)).toThrow(expect.objectContaining({ code: "SEAL_UNREADABLE" }));
    expect(JSON.stringify(sealed)).not.toContain("AAAA");
  });

  it("stays with the first who asked, whether a second request of the id is taken or refused", async () => {
    const { readers, mine, theirs } = open();
    await readers.during("r1", mine.publicKey, accepted);
    await readers.during("r1", theirs.publicKey, accepted);
    await readers.during("r1", theirs.publicKey, async () => ({ accepted: false }));
    expect(mine.open(readers.seal("r1", url))).toBe(url);
  });

  it("has no reader once its request was refused, or the next one was accepted", async () => {
    const { readers, mine } = open();
    await readers.during("r1", mine.publicKey, async () => ({ accepted: false }));
    expect(() => readers.seal("r1", url)).toThrow(missing);
    await readers.during("r2", mine.publicKey, accepted);
    await readers.during("r3", mine.publicKey, accepted);
    expect(() => readers.seal("r2", url)).toThrow(missing);
    expect(mine.open(readers.seal("r3", url))).toBe(url);
  });

  it("is asked for by a key, and not by any other text", async () => {
    const { readers } = open();
    let begun = false;
    const begin = async () => ({ accepted: (begun = true) });
    await expect(readers.during("r1", "XNONE", begin)).rejects.toThrow(missing);
    expect(begun).toBe(false);
  });
});
