import { describe } from "vitest";
import { createGramJsDriver } from "../../../../src/adapters/telegram/gramjs/driver.ts";
import { specifyTelegramDriver } from "../../../contracts/telegram-driver.ts";

describe("the telegram driver", () => {
  specifyTelegramDriver(createGramJsDriver);
});
