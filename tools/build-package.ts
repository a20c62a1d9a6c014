import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// Compiles the packed sources into dist/, anew each time: a file without a source must not be
// packed.
const root = fileURLToPath(new URL("..", import.meta.url));
const tsc = join(root, "node_modules", ".bin", "tsc");
rmSync(join(root, "dist"), { recursive: true, force: true });
// Without its development tools, a checkout runs from its sources alone.
if (existsSync(tsc)) {
  execFileSync(tsc, ["-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
}
