import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Files of the repository, relative to its root, sorted; new ones that are not ignored count too. */
export function trackedFiles(root: string): readonly string[] {
  const list = execFileSync("git", ["ls-files", "-z", "-co", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const files = new Set(list.split("\0").filter((file) => file !== ""));
  return [...files].filter((file) => existsSync(join(root, file))).toSorted();
}
