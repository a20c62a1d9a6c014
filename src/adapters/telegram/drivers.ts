import { createRequire } from "node:module";
import { HoldfastError } from "../../errors.ts";
import type {
  DriverName,
  TelegramDriver,
  TelegramDriverOptions,
  TelegramDrivers,
} from "../../ports/telegram/telegram.ts";
import { defaultDcId } from "./session-blob.ts";
import { rehearse } from "./warm-up.ts";

/** The version that the driver's specs run with. */
const versionWanted = "2.26.22";

type Make = (options: TelegramDriverOptions) => Promise<TelegramDriver>;

/** GramJS brings a part under GPL-3.0, so it is installed only where it is wanted. */
const optionalPackage: Readonly<Partial<Record<DriverName, string>>> = { telegram: "telegram" };

/** Loading a library takes time and memory, so it is loaded when the first account asks for it. */
const makers: Readonly<Record<DriverName, Make>> = {
  mtcute: async (options) => (await import("./mtcute/driver.ts")).createMtcuteDriver(options),
  telegram: async (options) => (await import("./gramjs/driver.ts")).createGramJsDriver(options),
};

export function createTelegramDrivers(options: TelegramDriverOptions): TelegramDrivers {
  const made = new Map<DriverName, Promise<TelegramDriver>>();

  async function make(name: DriverName): Promise<TelegramDriver> {
    const driver = await makers[name](options);
    await rehearse(driver, options.dataCentre?.id ?? defaultDcId);
    return driver;
  }

  return {
    async of(name) {
      requireInstalled(name);
      const driver = made.get(name) ?? make(name);
      made.set(name, driver);
      return driver;
    },
    requireInstalled,
  };
}

function requireInstalled(name: DriverName): void {
  const wanted = optionalPackage[name];
  if (wanted === undefined) return;
  try {
    createRequire(import.meta.url).resolve(wanted);
  } catch (cause) {
    throw new HoldfastError({
      code: "DRIVER_MISSING",
      message: `The driver ${name} needs the package ${wanted}, which is not installed here; it brings a part under GPL-3.0.`,
      next: `Install it on every host and start again: npm install ${wanted}@${versionWanted}`,
      cause,
    });
  }
}
