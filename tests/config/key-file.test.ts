import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { refuseExposedKey } from "../../src/config/key-file.ts";

const isRoot = process.getuid?.() === 0;

function keyFile(mode: number): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-key-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "master.key");
  writeFileSync(file, "key");
  chmodSync(file, mode);
  return file;
}

describe("the file with the master key", () => {
  it.each([0o600, 0o400])("passes with mode %o", (mode) => {
    expect(() => refuseExposedKey(keyFile(mode))).not.toThrow();
  });

  it.each([0o644, 0o604, 0o620])("is refused with mode %o, and says what to type", (mode) => {
    const file = keyFile(mode);
    expect(() => refuseExposedKey(file)).toThrow(
      expect.objectContaining({
        code: "MASTER_KEY_EXPOSED",
        next: expect.stringContaining(`chmod 600 ${file}`),
      }),
    );
  });

  it.runIf(isRoot)("passes as systemd hands it over: root's, readable by root's group", () => {
    expect(() => refuseExposedKey(keyFile(0o440))).not.toThrow();
  });

  it.runIf(isRoot)("is refused when it belongs to another user", () => {
    const file = keyFile(0o600);
    chownSync(file, 65_534, 65_534);
    expect(() => refuseExposedKey(file)).toThrow(
      expect.objectContaining({
        code: "MASTER_KEY_EXPOSED",
        next: expect.stringContaining("chown"),
      }),
    );
  });
});
