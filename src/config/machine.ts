import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** Facts of this machine, passed in so that reading the configuration stays a pure function. */
export interface Machine {
  readonly hostname: string;
  readonly cwd: string;
  /** The text of a file, or null when it cannot be read. */
  readonly readFile: (path: string) => string | null;
}

/** This machine, for `readConfig`. */
export const thisMachine = (): Machine => ({
  hostname: hostname(),
  cwd: process.cwd(),
  readFile: (path) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return null;
    }
  },
});
