import { expect, it } from "vitest";
import { nextOfLogin } from "../../src/cli/next-of-login.ts";

it.each([
  [
    "an account of another data centre is taken out",
    "OTHER_DATA_CENTRE",
    "npx holdfast remove shop",
  ],
  ["a wrong code is typed anew", "PHONE_CODE_INVALID", "npx holdfast auth shop"],
  ["what nobody has asked for is asked for", null, "npx holdfast auth shop"],
])("after a login that failed, %s", (_what, code, command) => {
  const reason = code === null ? null : { code, message: "said above" };
  expect(nextOfLogin("shop", reason)).toMatch(new RegExp(`${command}$`));
});
