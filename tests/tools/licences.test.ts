import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { checkLicences } from "../../tools/check-licences.ts";

type Locked = Readonly<Record<string, unknown>>;

function breaches(packages: Readonly<Record<string, Locked>>): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), "holdfast-licences-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages }));
  return checkLicences(root);
}

it.each(["MIT", "(MIT OR GPL-3.0-only)", "MIT AND ISC"])(
  "a package under %s may come along",
  (license) => {
    expect(breaches({ "": {}, "node_modules/a": { license } })).toEqual([]);
  },
);

it.each([
  ["GPL-3.0-or-later", { license: "GPL-3.0-or-later" }],
  ["(MIT AND GPL-3.0-only)", { license: "(MIT AND GPL-3.0-only)" }],
  ["no stated licence", {}],
])("a package under %s is named", (said, locked) => {
  expect(breaches({ "": {}, "node_modules/x/node_modules/@a/b": locked })).toEqual([
    `package-lock.json:1: @a/b is under ${said}; leave it out, or make it an optional peer`,
  ]);
});

it("tools of the development and optional peers stay behind, so their licences are free", () => {
  const license = "GPL-3.0-or-later";
  expect(
    breaches({
      "": {},
      "node_modules/a": { license: "MIT" },
      "node_modules/b": { license, dev: true },
      "node_modules/c": { license, peer: true },
    }),
  ).toEqual([]);
});

it("a lockfile without packages is not taken for a clean one", () => {
  expect(breaches({ "": {} })).toHaveLength(1);
});
