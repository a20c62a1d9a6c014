import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hostOfMachine } from "../../src/config/host-name.ts";
import { hostKey } from "../../src/custody/registers.ts";

describe("the name of a host that is given none", () => {
  it.each(["box", "web.1", "web_1", "ip-10-0-0-1.ec2.internal", "127.0.0.1", "host."])(
    "is the machine's: %s",
    (name) => {
      expect(hostOfMachine(name)).toBe(name);
    },
  );

  it.each([
    ["jos\u00e9-mac", /^jos-mac-[0-9a-f]{8}$/],
    ["\u5317\u4eac", /^host-[0-9a-f]{8}$/],
    ["MacBook Pro", /^MacBook-Pro-[0-9a-f]{8}$/],
    ["", /^host-[0-9a-f]{8}$/],
  ])("has a mark where a letter of %j would be lost", (name, form) => {
    expect(hostOfMachine(name)).toMatch(form);
  });

  it("gives no two machines one key whose names differ beyond plain letters", () => {
    const foreign = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((name) => /[^\w.-]/.test(name));
    const keyOf = (name: string) => hostKey(hostOfMachine(name));
    fc.assert(
      fc.property(foreign, foreign, (one, other) => {
        fc.pre(one !== other);
        return keyOf(one) !== keyOf(other) && keyOf(one).length <= 63;
      }),
    );
    expect(keyOf("\u5317\u4eac")).not.toBe(keyOf("\u4e0a\u6d77"));
  });
});
