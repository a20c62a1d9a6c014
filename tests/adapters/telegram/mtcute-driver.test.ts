import { describe } from "vitest";
import { createMtcuteDriver } from "../../../src/adapters/telegram/mtcute-driver.ts";
import { specifyLogins } from "../../contracts/telegram-driver-login.ts";

describe("the mtcute driver", () => {
  specifyLogins(createMtcuteDriver);
});
