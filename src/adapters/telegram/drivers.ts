import type {
  DriverName,
  TelegramDriver,
  TelegramDriverOptions,
  TelegramDrivers,
} from "../../ports/telegram.ts";
import { defaultDcId } from "./default-dc.ts";
import { rehearse } from "./rehearsal.ts";

type Make = (options: TelegramDriverOptions) => Promise<TelegramDriver>;

/** Loading a library takes time and memory, so it is loaded when the first account asks for it. */
const makers: Readonly<Record<DriverName, Make>> = {
  mtcute: async (options) => (await import("./mtcute-driver.ts")).createMtcuteDriver(options),
  telegram: async (options) => (await import("./gramjs-driver.ts")).createGramJsDriver(options),
};

export function createTelegramDrivers(options: TelegramDriverOptions): TelegramDrivers {
  const made = new Map<DriverName, Promise<TelegramDriver>>();

  async function make(name: DriverName): Promise<TelegramDriver> {
    const driver = await makers[name](options);
    await rehearse(driver, options.dataCentre?.id ?? defaultDcId);
    return driver;
  }

  return {
    of(name) {
      const driver = made.get(name) ?? make(name);
      made.set(name, driver);
      return driver;
    },
  };
}
