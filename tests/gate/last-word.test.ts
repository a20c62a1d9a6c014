import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createIncarnationKey,
  createSignatures,
} from "../../src/adapters/crypto/incarnation-key.ts";
import { endedText } from "../../src/custody/signed-statements.ts";
import { hasLastWord, keepLastWord } from "../../src/gate/last-word.ts";

describe("the last word of a gate", () => {
  const signatures = createSignatures();
  const host = "site.a";
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "holdfast-word-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function gate() {
    const signer = createIncarnationKey();
    const name = { incarnation: signer.incarnation, host };
    return { name, signature: signer.sign(endedText({ type: "ended", ...name })) };
  }

  it("is found by its successor, and by that gate's name alone", () => {
    const { name, signature } = gate();
    expect(hasLastWord(folder, name, signatures)).toBe(false);
    keepLastWord(folder, name, signature);
    expect(hasLastWord(folder, name, signatures)).toBe(true);
    expect(hasLastWord(folder, gate().name, signatures)).toBe(false);
    // The file of that host's name in the register, and yet another host.
    expect(hasLastWord(folder, { ...name, host: "site_a" }, signatures)).toBe(false);
  });

  it.each([
    ["torn", (signature: string) => signature.slice(0, 20)],
    ["empty", () => ""],
    ["another gate's", () => gate().signature],
  ])("is none when it is %s", (_how, made) => {
    const { name, signature } = gate();
    keepLastWord(folder, name, made(signature));
    expect(hasLastWord(folder, name, signatures)).toBe(false);
  });

  it("goes once fifteen later ones are there, and nothing else goes", () => {
    const first = gate();
    keepLastWord(folder, first.name, first.signature);
    for (const name of readdirSync(folder)) utimesSync(join(folder, name), 1, 1);
    writeFileSync(join(folder, "site_a.some.jsonl"), "{}\n");
    const later = Array.from({ length: 16 }, gate);
    for (const { name, signature } of later) keepLastWord(folder, name, signature);
    expect(hasLastWord(folder, first.name, signatures)).toBe(false);
    expect(hasLastWord(folder, later[15]!.name, signatures)).toBe(true);
    expect(readdirSync(folder)).toHaveLength(17);
  });

  it("that cannot be kept harms nobody", () => {
    const { name, signature } = gate();
    keepLastWord(join(folder, "gone"), name, signature);
    mkdirSync(join(folder, "gone"));
    expect(hasLastWord(join(folder, "gone"), name, signatures)).toBe(false);
  });
});
