import type { Server } from "node:net";
import { afterEach } from "vitest";
import { generateRsaKey } from "../../../src/telegram-dc/protocol/server.ts";
import {
  startTelegramDc,
  type TelegramDc,
  type TelegramDcOptions,
} from "../../../src/telegram-dc/telegram-dc.ts";

/** One RSA key for every data centre of a test file: making one takes long. */
const rsaKey = generateRsaKey();

/** The port that a server of a test listens on. */
export function portOf(server: Server): number {
  const address = server.address();
  if (typeof address === "object" && address !== null) return address.port;
  throw new Error("the server does not listen on a port");
}

/** Ends what a test started, newest first, after each test. */
export interface Cleanup {
  dataCentre(options?: TelegramDcOptions): Promise<TelegramDc>;
  /** Remembers how to end something. */
  later(end: () => Promise<unknown>): void;
}

export function createCleanup(): Cleanup {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  });
  return {
    async dataCentre(options = {}) {
      const dc = await startTelegramDc({ rsaKey, ...options });
      ends.push(() => dc.close());
      return dc;
    },
    later(end) {
      ends.push(end);
    },
  };
}
