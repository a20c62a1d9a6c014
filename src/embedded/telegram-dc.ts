import { join } from "node:path";
import type { TelegramDc } from "../config/values.ts";
import { createSystemClock } from "../concurrency/system-clock.ts";
import { within } from "../concurrency/wait.ts";
import { HoldfastError } from "../errors.ts";
import { nodeFlags, packageFile } from "../files.ts";
import { childEnvironment } from "./child-environments.ts";
import type { Log } from "./process-records.ts";
import type { Managed } from "./processes.ts";
import { launch } from "./processes.ts";
import { endedEarly, hasType, onMessage } from "./program.ts";

export interface EmbeddedTelegramDc {
  readonly dataCentre: TelegramDc;
  /** The phone of the simulated users: an HTTP API on loopback. */
  readonly controlUrl: string;
  /** The bearer token that it asks for. */
  readonly controlToken: string;
  readonly process: Managed;
  stop(): Promise<void>;
}

interface ReadyMessage {
  readonly type: "ready";
  readonly host: string;
  readonly port: number;
  readonly mediaPort: number;
  readonly control: string;
  readonly controlToken: string;
  readonly dcId: number;
  readonly rsaPublicKeyPem: string;
}

const readyMsMax = 30_000;

function isReady(value: unknown): value is ReadyMessage {
  return (
    hasType(value, "ready") &&
    "control" in value &&
    typeof value.control === "string" &&
    "controlToken" in value &&
    typeof value.controlToken === "string" &&
    "rsaPublicKeyPem" in value &&
    typeof value.rsaPublicKeyPem === "string"
  );
}

/**
 * Starts the simulated data centre in a process of its own. Its accounts outlive a restart. Errors:
 * PART_ENDED, TELEGRAM_DC_NOT_READY.
 */
export async function startTelegramDcProcess({
  home,
  env,
}: {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
}): Promise<EmbeddedTelegramDc> {
  const managed = await launch({
    home,
    name: "telegram-dc",
    command: process.execPath,
    args: [
      ...nodeFlags,
      packageFile("bin/telegram-dc.js"),
      "--port",
      "0",
      "--control",
      "0",
      "--state",
      join(home, "telegram-dc.json"),
    ],
    env: childEnvironment("telegram-dc", env),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const next = "Read logs/telegram-dc.log in the home.";
  try {
    const ready = await within(
      createSystemClock(),
      readyMsMax,
      new Promise<ReadyMessage>((resolve, reject) => {
        onMessage(managed, isReady, resolve);
        void managed.exited.then(() => reject(endedEarly(managed, next)));
      }),
      () => {
        throw new HoldfastError({
          code: "TELEGRAM_DC_NOT_READY",
          message: `The simulated Telegram was not ready within ${readyMsMax / 1000} s.`,
          next,
        });
      },
    );
    const { host, port, mediaPort, dcId, rsaPublicKeyPem, control, controlToken } = ready;
    managed.addPorts([port, mediaPort, Number(new URL(control).port)]);
    return {
      dataCentre: { id: dcId, host, port, mediaPort, publicKeyPem: rsaPublicKeyPem },
      controlUrl: control,
      controlToken,
      process: managed,
      stop: async () => void (await managed.stop()),
    };
  } catch (error) {
    await managed.stop();
    throw error;
  }
}
