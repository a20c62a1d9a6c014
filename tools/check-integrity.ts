import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Locked {
  readonly integrity?: string;
  /** A package of this repository. */
  readonly link?: boolean;
  /** Comes within another package, whose integrity covers it. */
  readonly inBundle?: boolean;
}

/** The lock files of the repository. */
const locks = ["package-lock.json", "runtime/package-lock.json"];

/** One line for each package of a lock file that npm would install without comparing what it got. */
export function checkIntegrity(root: string, files: readonly string[] = locks): readonly string[] {
  return files.flatMap((file) => {
    const { packages } = JSON.parse(readFileSync(join(root, file), "utf8")) as {
      readonly packages: Readonly<Record<string, Locked>>;
    };
    const entries = Object.entries(packages).filter(([path]) => path !== "");
    if (entries.length === 0) return [`${file}:1: no package was read: the check looks at nothing`];
    return entries
      .filter(([, { integrity, link, inBundle }]) => {
        const isOurs = link === true || inBundle === true;
        return !isOurs && integrity?.startsWith("sha512-") !== true;
      })
      .map(
        ([path]) =>
          `${file}:1: ${path.replace(/^.*node_modules\//, "")} has no integrity; npm could not tell whether it got the right one`,
      );
  });
}
