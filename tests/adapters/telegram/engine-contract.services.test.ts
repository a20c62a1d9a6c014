import { createKeyExchange } from "../../../src/adapters/telegram/mtcute/key-exchange.ts";
import { createMtcuteDriver } from "../../../src/adapters/telegram/mtcute/driver.ts";
import { createSystemClock } from "../../../src/concurrency/system-clock.ts";
import { HoldfastError } from "../../../src/errors.ts";
import { specifyEngineTelegram } from "../../contracts/engine-telegram.ts";
import { type ClientOptions, createTelegramBench, faultOf } from "../../fixtures/telegram-bench.ts";

// One for all clients: starting its threads takes long.
const exchange = createKeyExchange({ clock: createSystemClock() });
const bench = createTelegramBench((options, limits) =>
  createMtcuteDriver(options, { ...limits, exchange }),
);
const refused = () => new HoldfastError({ code: "GATE_REFUSED", message: "It does not dial." });

specifyEngineTelegram(async ({ kind, partSize, gapMax }) => {
  const dc = await bench.startDc({
    ...(partSize !== undefined && { differenceSliceMax: partSize }),
    ...(gapMax !== undefined && { differenceGapMax: gapMax }),
  });
  const bob = dc.phone.createUser({ firstName: "Bob", username: "bob" });
  let mayDial = true;
  const dial: NonNullable<ClientOptions["dial"]> = (_n, dialDc) =>
    mayDial ? dialDc() : Promise.reject(refused());
  const own =
    kind === "bot" ? await bench.bot(dc, "ada_bot") : await bench.person(dc, "ada", { dial });
  const name = kind === "bot" ? "ada_bot" : "ada";
  const breakWire = () => {
    dc.phone.addFault({ kind: "reset", method: "messages.getDialogs", when: "before" });
    return faultOf(own.client.dialogs(10));
  };
  return {
    own,
    userId: String(own.id),
    async fresh() {
      const opened = bench.open(dc);
      await opened.client.connect();
      return opened;
    },
    write: (text) => void dc.phone.send("bob", { peer: name, text }),
    arrived: () => dc.ledger.messages({ to: bob.id }).map(({ text }) => text),
    order: (method, seconds) => void dc.phone.addFault({ kind: "flood", method, seconds }),
    breakWire,
    killKey: () =>
      void dc.phone.addFault({
        kind: "kill-key",
        authKeyId: own.client.keyId!,
        reason: "duplicated",
      }),
    async refuseToDial() {
      mayDial = false;
      await breakWire();
    },
    skipUpdates: () => {},
    nowMs: Date.now,
    close: async () => {},
  };
});
