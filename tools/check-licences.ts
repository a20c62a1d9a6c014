import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A package's entry in the lockfile. */
interface Locked {
  readonly license?: string;
  /** Only for the project's own development. */
  readonly dev?: boolean;
  /** Needed only by packages that name it as their peer. */
  readonly peer?: boolean;
}

/**
 * Licences that demand no more than a notice. A licence with other duties is a decision, not a row.
 */
const allowed: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "PostgreSQL",
  "Unlicense",
]);

/** An SPDX expression: any side of an OR will do, every side of an AND must. */
function isAllowed(expression: string): boolean {
  const plain = expression.replaceAll(/[()]/g, "").trim();
  return plain
    .split(" OR ")
    .some((choice) => choice.split(" AND ").every((one) => allowed.has(one.trim())));
}

/**
 * One line for each package that comes with this one under a licence outside the permissive list.
 */
export function checkLicences(root: string): readonly string[] {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const shipped = Object.entries(packages).filter(
    ([path, { dev, peer }]) => path !== "" && dev !== true && peer !== true,
  );
  if (shipped.length === 0)
    return ["package-lock.json:1: no package was read: the check looks at nothing"];
  return shipped
    .filter(([, { license }]) => license === undefined || !isAllowed(license))
    .map(
      ([path, { license }]) =>
        `package-lock.json:1: ${path.replace(/^.*node_modules\//, "")} is under ${license ?? "no stated licence"}; leave it out, or make it an optional peer`,
    );
}
