import { specifyBounds } from "./telegram-driver-bounds.ts";
import { specifyFaults } from "./telegram-driver-faults.ts";
import { specifyHazards } from "./telegram-driver-hazards.ts";
import { specifyIdle } from "./telegram-driver-idle.ts";
import { specifyLogins } from "./telegram-driver-login.ts";
import { specifyTalk } from "./telegram-driver-talk.ts";
import { specifyTexts } from "./telegram-driver-texts.ts";
import { specifyWriters } from "./telegram-driver-writers.ts";
import type { MakeDriver } from "../fixtures/telegram-bench.ts";

/** The contract of every driver behind the port, against telegram-dc. */
export function specifyTelegramDriver(makeDriver: MakeDriver): void {
  specifyLogins(makeDriver);
  specifyTalk(makeDriver);
  specifyTexts(makeDriver);
  specifyWriters(makeDriver);
  specifyFaults(makeDriver);
  specifyHazards(makeDriver);
  specifyIdle(makeDriver);
  specifyBounds(makeDriver);
}
