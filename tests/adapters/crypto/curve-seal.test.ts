import { describe, expect, it } from "vitest";
import { createSealKey, sealTo } from "../../../src/adapters/crypto/curve-seal.ts";

describe("a sealed text", () => {
  it("is read by its key, also after that was kept as a seed", () => {
    const key = createSealKey();
    const sealed = sealTo(key.publicKey, "code 12345 ⚓");
    expect(createSealKey(key.seed).open(sealed)).toBe("code 12345 ⚓");
  });

  it("shows nothing of what it holds, and is another one each time", () => {
    const { publicKey } = createSealKey();
    const [one, two] = [sealTo(publicKey, "code 12345"), sealTo(publicKey, "code 12345")];
    expect(Buffer.from(one.box, "base64").toString("latin1")).not.toContain("12345");
    expect(one.box).not.toBe(two.box);
  });

  it("is refused by another key, and where a bit was changed", () => {
    const key = createSealKey();
    const sealed = sealTo(key.publicKey, "code 12345");
    const changed = Buffer.from(sealed.box, "base64");
    changed[changed.length - 1]! ^= 1;
    const refused = expect.objectContaining({ code: "SEAL_UNREADABLE" });
    expect(() => createSealKey().open(sealed)).toThrow(refused);
    expect(() => key.open({ ...sealed, box: changed.toString("base64") })).toThrow(refused);
    expect(() => key.open({ from: "X", box: "?" })).toThrow(refused);
    expect(() => sealTo("XNONE", "text")).toThrow(refused);
    expect(() => createSealKey("SXNONE")).toThrow(refused);
  });
});
