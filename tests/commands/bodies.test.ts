import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type * as z from "zod";
import { bodies } from "../../src/commands/bodies.ts";
import { ruleOf } from "../../src/commands/body-fields.ts";
import { checkedBody } from "../../src/commands/checked-body.ts";
import { type VerbOf, verbRoles } from "../../src/commands/verb-roles.ts";
import { HoldfastError } from "../../src/errors.ts";

const verbs = (Object.keys(verbRoles) as VerbOf[]).flatMap((of) =>
  Object.keys(verbRoles[of]).map((verb) => [of, verb] as const),
);

/** The refusal of a body; null: it is taken. */
function refusal(of: VerbOf, verb: string, body: Readonly<Record<string, unknown>>) {
  try {
    checkedBody(of, verb, body);
    return null;
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
}

describe("the schema of a request", () => {
  it("is there for every verb, and for no other", () => {
    const described = Object.entries(bodies).flatMap(([of, all]) =>
      Object.keys(all).map((verb) => `${of}.${verb}`),
    );
    expect(described.toSorted()).toEqual(verbs.map((one) => one.join(".")).toSorted());
  });

  it.each(verbs)("of %s.%s refuses a field that it does not know, by its name", (of, verb) => {
    expect(refusal(of, verb, { minId: 1 })).toMatchObject({
      code: "COMMAND_MALFORMED",
      message: `${verb} knows no field "minId"; nothing was done.`,
    });
  });

  it("says of each field which values it takes", () => {
    const rules = verbs.flatMap(([of, verb]) =>
      Object.values(bodies[of][verb]!.shape).map((kind) => ruleOf(kind as z.ZodType)),
    );
    expect(rules.length).toBeGreaterThan(40);
    expect(rules).not.toContain("a value of its kind");
  });

  it.each([
    ["account", "history", { peer: "me", limit: "50" }, "limit", "whole number from 1 to 100"],
    ["account", "history", { peer: "me", limit: 2.5 }, "limit", "whole number from 1 to 100"],
    ["account", "history", { peer: "me", limit: null }, "limit", "whole number from 1 to 100"],
    ["account", "history", { peer: "me", before: "7" }, "before", "whole number from 1"],
    ["account", "import", { dcId: "2", key: "k" }, "dcId", "whole number from 1"],
    ["account", "import", { dcId: 2, key: "k", stopped: "true" }, "stopped", "true or false"],
    ["account", "stop", { force: 1 }, "force", "true or false"],
    ["account", "renew", { method: "magic" }, "method", "one of: auto"],
    ["account", "invoke", { method: "help.getConfig", params: "{}" }, "params", "an object"],
    ["fleet", "conversations", { limit: "20" }, "limit", "whole number from 1 to 200"],
    ["fleet", "replay-all", { until: "then" }, "until", "the moment"],
    ["fleet", "replay-all", { reason: { code: "X" } }, "reason", "the code"],
    ["fleet", "who", { keyId: "xyz" }, "keyId", "16 hex digits"],
    ["fleet", "force", { account: "Bad Name" }, "account", "lower-case letters"],
    [
      "fleet",
      "caller-add",
      { name: "a", key: "U", role: "read", accounts: [] },
      "accounts",
      '"all"',
    ],
  ] as const)(
    "of %s.%s refuses %o and says which values its field takes",
    (of, verb, body, field, rule) => {
      const refused = refusal(of, verb, body);
      expect(refused).toMatchObject({ code: "COMMAND_MALFORMED" });
      expect(refused?.message).toContain(`field "${field}"`);
      expect(refused?.next).toContain(rule);
    },
  );

  it("says which field is missing", () => {
    expect(refusal("account", "send", { peer: "me", text: "hello" })).toMatchObject({
      message: 'send needs the field "key"; nothing was done.',
      next: 'Give "key" as a text of 1 to 200 characters.',
    });
  });

  it("takes who the answer is sealed to beside the fields of every verb", () => {
    expect(checkedBody("account", "status", { sealTo: "X1" })).toEqual({});
  });

  it("lets through nothing but what its verb asks, whatever comes, and repeats no value in a refusal", () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.string({ minLength: 12 }).map((text) => `secret-${text}`),
    );
    const names = verbs.flatMap(([of, verb]) => Object.keys(bodies[of][verb]!.shape));
    const body = fc.dictionary(fc.constantFrom(...names, "toString", "__proto__"), value);
    fc.assert(
      fc.property(fc.constantFrom(...verbs), body, ([of, verb], given) => {
        const refused = refusal(of, verb, given);
        if (refused === null) return;
        expect(refused.code).toBe("COMMAND_MALFORMED");
        expect(refused.next).toMatch(/\.$/);
        expect(refused.line).not.toContain("secret-");
      }),
      { seed: 14, numRuns: 2_000 },
    );
  });
});
