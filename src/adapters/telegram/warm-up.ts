import { randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import { alreadyOpen } from "../../ports/custody/gate.ts";
import { defaultDevice, silentEvents, type TelegramDriver } from "../../ports/telegram/telegram.ts";
import { keyBytes, writeSession } from "./session-blob.ts";

const rehearsalMsMax = 2000;
/** The transport's tag, then the first call. */
const writesOfFirstCall = 2;
const oftenEnough = 8;

/**
 * Lets a driver connect to nothing, with a key that no account has. The first run of its code takes
 * several times as long as the second, and an account in handover waits for it. Never throws.
 */
export async function rehearse(driver: TelegramDriver, dcId: number): Promise<void> {
  for (let run = 0; run < oftenEnough; run += 1) await connectToNothing(driver, dcId);
}

async function connectToNothing(driver: TelegramDriver, dcId: number): Promise<void> {
  let wrote = () => {};
  const written = new Promise<void>((resolve) => (wrote = resolve));
  let writes = 0;
  const nowhere = new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      done();
      writes += 1;
      if (writes === writesOfFirstCall) wrote();
    },
  });
  const client = driver.open({
    session: writeSession(dcId, randomBytes(keyBytes)),
    dial: () => Promise.resolve(alreadyOpen(nowhere)),
    device: defaultDevice,
    events: { ...silentEvents, onSession: () => Promise.resolve() },
  });
  const tooLate = setTimeout(wrote, rehearsalMsMax);
  client.connect().catch(() => undefined);
  await written;
  clearTimeout(tooLate);
  await client.close();
}
