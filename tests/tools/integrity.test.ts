import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { checkIntegrity } from "../../tools/check-integrity.ts";

function breaches(packages: Readonly<Record<string, object>>): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), "holdfast-integrity-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, "lock.json"), JSON.stringify({ packages }));
  return checkIntegrity(root, ["lock.json"]);
}

it("a locked package needs the digest of what is to come", () => {
  const integrity = "sha512-AAAA";
  expect(breaches({ "": {}, "node_modules/a": { integrity }, b: { link: true } })).toEqual([]);
  expect(breaches({ "": {}, "node_modules/x/node_modules/@a/b": {} })).toEqual([
    "lock.json:1: @a/b has no integrity; npm could not tell whether it got the right one",
  ]);
  expect(breaches({ "": {}, "node_modules/a": { integrity: "sha1-AAAA" } })).toHaveLength(1);
  expect(breaches({ "": {} })).toHaveLength(1);
});
