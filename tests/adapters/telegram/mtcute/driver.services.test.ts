import { describe } from "vitest";
import { createMtcuteDriver } from "../../../../src/adapters/telegram/mtcute/driver.ts";
import { specifyTelegramDriver } from "../../../contracts/telegram-driver.ts";

describe("the mtcute driver", () => {
  specifyTelegramDriver(createMtcuteDriver);
});
