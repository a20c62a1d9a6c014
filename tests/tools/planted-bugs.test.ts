import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const folder = join(root, "planted-bugs");
const names = readdirSync(folder).filter((name) => name.endsWith(".patch"));

/** Answers what git says against it; "" for nothing. */
function refusalOf(patch: string): string {
  const { status, stderr } = spawnSync("git", ["apply", "--check", "-"], {
    cwd: root,
    input: patch,
    encoding: "utf8",
  });
  return status === 0 ? "" : stderr;
}

describe("a planted bug", () => {
  it.each(names)("fits the code as it is, and says what must catch it: %s", (name) => {
    const patch = readFileSync(join(folder, name), "utf8");
    expect(refusalOf(patch)).toBe("");
    expect(patch).toMatch(/^Caught-By: (?:npm run simulate|npx vitest run) /);
  });

  it("that fits no more is seen", () => {
    const patch = readFileSync(join(folder, names[0]!), "utf8");
    expect(refusalOf(patch.replaceAll(/^ /gm, "  // gone "))).toContain("does not apply");
  });
});
