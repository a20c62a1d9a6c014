import { methods, renewalMethods } from "../src/accounts/login/methods.ts";

/** The table of methods to renew, those first that need nobody. */
export function methodsTable(): string {
  const rows = renewalMethods
    .map((name) => ({ name, ...methods[name] }))
    .toSorted((a, b) => Number(a.needs !== "nobody") - Number(b.needs !== "nobody"));
  return [
    "| method | who has to do something | how |",
    "|---|---|---|",
    ...rows.map(({ name, needs, how }) => `| \`${name}\` | ${needs} | ${how} |`),
  ].join("\n");
}
