import { readFileSync } from "node:fs";
import { packageFile } from "../../files.ts";

/** The version of this program, as package.json says. */
export function ownVersion(): string {
  const read = JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as { version: string };
  return read.version;
}
