import type {
  TelegramDriver,
  TelegramDriverOptions,
  TelegramDrivers,
} from "../../ports/telegram.ts";
import { createMtcuteDriver } from "./mtcute-driver.ts";

/** GramJS takes time and memory to load, so it is loaded when the first account asks for it. */
export function createTelegramDrivers(options: TelegramDriverOptions): TelegramDrivers {
  const mtcute = Promise.resolve(createMtcuteDriver(options));
  let gramJs: Promise<TelegramDriver> | null = null;
  return {
    of(name) {
      if (name === "mtcute") return mtcute;
      gramJs ??= import("./gramjs-driver.ts").then((made) => made.createGramJsDriver(options));
      return gramJs;
    },
  };
}
