import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { richParse, richStringify } from "../../../src/telegram-dc/state/rich-json.ts";

const leaf = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.bigInt(),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie("value")),
    fc
      .dictionary(fc.stringMatching(/^[a-z_]{1,8}$/), tie("value"))
      .map((object) => ({ ...object })),
    fc.array(fc.tuple(fc.bigInt(), tie("value"))).map((pairs) => new Map(pairs)),
    fc.array(fc.bigInt()).map((items) => new Set(items)),
  ),
}));

describe("the state file's JSON", () => {
  it("gives back whatever a data centre may keep", () => {
    expect(
      fc.check(
        fc.property(value, (given) => {
          expect(richParse(richStringify(given))).toEqual(given);
        }),
      ).failed,
    ).toBe(false);
  });
});
