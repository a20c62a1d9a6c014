import { randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import { defaultDevice, silentEvents, type TelegramDriver } from "../../ports/telegram/telegram.ts";
import { keyBytes, writeSession } from "./session-blob.ts";

const rehearsalMsMax = 2000;

/**
 * Lets a driver connect to nothing, with a key that no account has. The first run of its code takes
 * several times as long as the second, and an account in handover waits for it. Never throws.
 */
export async function rehearse(driver: TelegramDriver, dcId: number): Promise<void> {
  let wrote = () => {};
  const written = new Promise<void>((resolve) => (wrote = resolve));
  const nowhere = new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      done();
      wrote();
    },
  });
  const client = driver.open({
    session: writeSession(dcId, randomBytes(keyBytes)),
    dial: () => Promise.resolve(nowhere),
    device: defaultDevice,
    events: { ...silentEvents, onSession: () => Promise.resolve() },
  });
  const tooLate = setTimeout(wrote, rehearsalMsMax);
  client.connect().catch(() => undefined);
  await written;
  clearTimeout(tooLate);
  await client.close();
}
