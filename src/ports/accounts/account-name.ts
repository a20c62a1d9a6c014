import { HoldfastError } from "../../errors.ts";
import { plainText } from "../../inputs/plain-text.ts";

/** The names that an account may have. The database holds to the same rule. */
export const accountNamePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** The rule for a person. */
export const accountNameRule =
  "lower-case letters, digits and hyphens, at most 63, a letter or digit first";

/** No account can have that text as its name. */
export const accountNameMalformed = (name: string): HoldfastError =>
  new HoldfastError({
    code: "ACCOUNT_NAME_MALFORMED",
    message: `${JSON.stringify(name.slice(0, 64))} is no name of an account; nothing was done.`,
    next: `Give ${accountNameRule}${nearestName(name)}.`,
  });

/** A name that the rule allows and a person may have meant; empty: there is none. */
function nearestName(name: string): string {
  const near = plainText(name)
    .toLowerCase()
    .replaceAll(/[\s._/]+/g, "-")
    .replaceAll(/^[@-]+|-+$/g, "");
  return accountNamePattern.test(near) ? `, such as ${near}` : "";
}

/** A name as a person typed it, without marks that are not seen. Throws ACCOUNT_NAME_MALFORMED. */
export function readAccountName(typed: string): string {
  const name = plainText(typed);
  if (accountNamePattern.test(name)) return name;
  throw accountNameMalformed(typed);
}
