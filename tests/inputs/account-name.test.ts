import { describe, expect, it } from "vitest";
import { readAccountName } from "../../src/ports/accounts/account-name.ts";
import { corpus } from "../corpus/read.ts";

interface Entry {
  readonly typed: string;
  readonly is?: string;
  /** A name that may have been meant, for one that is none; null: there is none. */
  readonly near?: string | null;
}

const entries = corpus("account-names") as readonly Entry[];

describe("the name of an account", () => {
  it.each(entries.filter(({ is }) => is !== undefined))("is read: $typed", ({ typed, is }) => {
    expect(readAccountName(typed)).toBe(is);
  });

  it.each(entries.filter(({ is }) => is === undefined))(
    "is refused with the rule and a near name: $typed",
    ({ typed, near }) => {
      const rule =
        "Give lower-case letters, digits and hyphens, at most 63, a letter or digit first";
      const next = near === null ? `${rule}.` : `${rule}, such as ${near}.`;
      const refused = { code: "ACCOUNT_NAME_MALFORMED", next };
      expect(() => readAccountName(typed)).toThrow(expect.objectContaining(refused));
    },
  );
});
