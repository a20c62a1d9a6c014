import { describe } from "vitest";
import { createMtcuteDriver } from "../../../../src/adapters/telegram/mtcute/driver.ts";
import { createKeyExchange } from "../../../../src/adapters/telegram/mtcute/key-exchange.ts";
import { createSystemClock } from "../../../../src/concurrency/system-clock.ts";
import { specifyTelegramDriver } from "../../../contracts/telegram-driver.ts";

describe("the mtcute driver", () => {
  // One for all clients: starting its threads takes long.
  const exchange = createKeyExchange({ clock: createSystemClock() });
  specifyTelegramDriver((options, limits) => createMtcuteDriver(options, { ...limits, exchange }));
});
