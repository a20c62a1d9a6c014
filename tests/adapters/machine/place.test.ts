import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { mayBeCopy, type Place, placeOf, standsAt } from "../../../src/adapters/machine/place.ts";

const here: Place = { path: "/srv/home", inode: "7", device: "1", machineId: "a".repeat(32) };
const elsewhere = { path: "/mnt/home", inode: "9" };
const unnamed = { machineId: null };

describe("a folder", () => {
  it.each([
    ["the same one", {}, {}, true, false],
    ["after a restart that numbered the disks anew", {}, { device: "2" }, true, false],
    ["moved on its disk", {}, { path: "/mnt/home" }, false, false],
    ["restored at its old path", {}, { inode: "9" }, false, false],
    ["moved to another disk", {}, elsewhere, false, false],
    ["copied beside the original", {}, elsewhere, true, true],
    ["on another machine", {}, { machineId: "b".repeat(32) }, false, true],
    ["the same one, where machines have no name", unnamed, unnamed, true, false],
    ["another one, where machines have no name", unnamed, { ...unnamed, inode: "9" }, false, true],
  ])("is told from its copy: %s", (_what, then, now, originalStands, copy) => {
    expect(mayBeCopy({ ...here, ...then }, { ...here, ...now }, originalStands)).toBe(copy);
  });

  it("is found where it stood until it is moved, and its copy is another", () => {
    const root = mkdtempSync(join(tmpdir(), "holdfast-place-"));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const [one, copy, moved] = ["one", "copy", "moved"].map((name) => join(root, name)) as [
      string,
      string,
      string,
    ];
    mkdirSync(one);
    const then = placeOf(one);
    cpSync(one, copy, { recursive: true });
    expect(mayBeCopy(then, placeOf(copy), standsAt(then))).toBe(true);
    renameSync(one, moved);
    expect(standsAt(then)).toBe(false);
    expect(mayBeCopy(then, placeOf(moved), standsAt(then))).toBe(false);
  });
});
