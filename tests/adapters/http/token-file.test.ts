import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTokenFile } from "../../../src/adapters/http/token-file.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "holdfast-token-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const unusable = expect.objectContaining({ code: "TOKEN_FILE_UNUSABLE" });

describe("the file of a token", () => {
  it("is made once, for its owner alone", () => {
    const path = join(folder, "home", "token");
    const token = openTokenFile(path);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(openTokenFile(path)).toBe(token);
    expect(readFileSync(path, "utf8")).toBe(`${token}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("is refused where others may read it", () => {
    const path = join(folder, "token");
    openTokenFile(path);
    chmodSync(path, 0o640);
    expect(() => openTokenFile(path)).toThrow(unusable);
  });

  it("is refused where it holds something else, or is none", () => {
    const path = join(folder, "token");
    writeFileSync(path, "short\n", { mode: 0o600 });
    expect(() => openTokenFile(path)).toThrow(unusable);
    expect(() => openTokenFile(join(path, "below"))).toThrow(unusable);
  });
});
