import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fingerprintOf } from "../../src/adapters/crypto/key-ring.ts";
import type { Manifest } from "../../src/cli/backup/manifest.ts";
import { keyForRestore } from "../../src/cli/backup/restored-key.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";

const key = randomBytes(32);
const manifest: Manifest = {
  format: 1,
  madeAt: "2030-01-01T00:00:00.000Z",
  schema: 26,
  accounts: 1,
  fleet: null,
  masterKeys: [fingerprintOf(key)],
  files: [],
};

/** A folder with this key, as a backup wrote it. */
function keyFolder(text = `${key.toString("base64")}\n`, mode = 0o600): string {
  const folder = temporaryHome();
  writeFileSync(join(folder, "master.key"), text, { mode });
  return folder;
}

describe("the master key of a restore", () => {
  it("goes into a home without one, for its owner alone, and not before it is placed", () => {
    const [home, from] = [join(temporaryHome(), "new"), keyFolder()];
    const found = keyForRestore({}, { home, keyFolder: from, manifest });
    expect(existsSync(home)).toBe(false);
    found.place();
    const file = join(home, "master.key");
    expect(readFileSync(file, "utf8")).toBe(`${key.toString("base64")}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(found.where).toBe(file);
  });

  it("is the one that is here already, and a key that does not open the backup is refused", () => {
    const home = keyFolder();
    const other = randomBytes(32).toString("base64");
    const of = { home, keyFolder: null, manifest };
    expect(keyForRestore({}, of).where).toBe(join(home, "master.key"));
    const wrong = expect.objectContaining({ code: "MASTER_KEY_WRONG" });
    expect(() => keyForRestore({ HOLDFAST_MASTER_KEY: other }, of)).toThrow(wrong);
    const from = keyFolder(`${other}\n`);
    const bare = { home: temporaryHome(), keyFolder: from, manifest };
    expect(() => keyForRestore({}, bare)).toThrow(wrong);
  });

  it("may be missing: then nothing is placed", () => {
    const home = temporaryHome();
    const found = keyForRestore({}, { home, keyFolder: null, manifest });
    found.place();
    expect(found.where).toBeNull();
    expect(existsSync(join(home, "master.key"))).toBe(false);
  });

  it.each([
    ["is not there", temporaryHome, "MASTER_KEY_BROKEN"],
    ["is no key", () => keyFolder("nothing"), "MASTER_KEY_BROKEN"],
    ["others can read", () => keyFolder(undefined, 0o644), "MASTER_KEY_EXPOSED"],
  ])("is refused where its file %s", (_why, from, code) => {
    const of = { home: temporaryHome(), keyFolder: from(), manifest };
    expect(() => keyForRestore({}, of)).toThrow(expect.objectContaining({ code }));
  });
});
