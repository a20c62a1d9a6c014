import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/**
 * Applies each patch of `planted-bugs/` to a copy of the committed tree, and runs the check that
 * its first line names. Exit code 1 when a bug is not caught, or a patch no longer applies. Names
 * of patches limit it to these.
 */
const root = resolve(import.meta.dirname, "..");
const folder = join(root, "planted-bugs");
const chosen = process.argv.slice(2);

function isCaught(name: string): { readonly caught: boolean; readonly by: string } {
  const patch = readFileSync(join(folder, name), "utf8");
  const by = /^Caught-By: (.+)$/m.exec(patch)?.[1] ?? "";
  const copy = mkdtempSync(join(tmpdir(), "holdfast-planted-"));
  try {
    execFileSync("git", ["clone", "--quiet", "--shared", root, copy]);
    execFileSync("git", ["apply", join(folder, name)], { cwd: copy });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    const { status } = spawnSync("sh", ["-c", by], { cwd: copy, stdio: "ignore" });
    return { caught: status !== 0, by };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

let missed = 0;
const names = readdirSync(folder).filter((name) => name.endsWith(".patch"));
for (const name of names) {
  if (chosen.length > 0 && !chosen.some((one) => name.startsWith(one))) continue;
  const { caught, by } = isCaught(name);
  if (!caught) missed += 1;
  process.stdout.write(`${caught ? "caught" : "MISSED"}  ${name}  by: ${by}\n`);
}
process.exitCode = missed === 0 ? 0 : 1;
