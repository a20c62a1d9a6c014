import type { Duplex } from "node:stream";
import { createSimDriver } from "../../../src/proof/simulation/engine/sim-client.ts";
import {
  createSimMessenger,
  type Judging,
  wallMs,
} from "../../../src/proof/simulation/engine/sim-messenger.ts";
import { alreadyOpen } from "../../../src/ports/custody/gate.ts";
import { defaultDevice } from "../../../src/ports/telegram/telegram.ts";
import { specifyEngineTelegram, type TelegramScene } from "../../contracts/engine-telegram.ts";
import { createReports, faultOf } from "../../fixtures/telegram-bench.ts";
import { runningKernel } from "../../fixtures/running-kernel.ts";

const name = "ada";
const nothing = () => {};

specifyEngineTelegram(async ({ kind }) => {
  const { kernel, close } = runningKernel();
  const arrived: string[] = [];
  const judging: Judging = {
    onUnderWait: nothing,
    onArrival: (_account, { text }) => void arrived.push(text),
    onLoggedOut: nothing,
    onOverlap: nothing,
  };
  const messenger = createSimMessenger(kernel, judging);
  const { account, key } = messenger.addAccount(name, kind);
  const driver = createSimDriver({
    kernel,
    process: kernel.spawn("one", 1),
    incarnation: "one",
    messenger,
    grantOf: () => ({ account: name, slot: 1, epoch: 1 }),
  });
  async function open(session: Uint8Array | null): Promise<TelegramScene["own"]> {
    const { reports, report } = createReports();
    const client = driver.open({
      session,
      device: defaultDevice,
      dial: async () => alreadyOpen({} as Duplex),
      events: {
        onSession: async (made) => report(() => reports.sessions.push(made)),
        onUpdates: (pushed) => report(() => reports.pushed.push(...(pushed ?? [null]))),
        onDyingKey: nothing,
        onLoginToken: nothing,
        onServiceMessage: nothing,
        onConnected: () => report(() => reports.wire.push("connected")),
        onDisconnected: () => report(() => reports.wire.push("disconnected")),
        onEnded: (fault) => report(() => reports.ends.push(fault)),
        onDeadKey: (fault) => report(() => reports.deaths.push(fault)),
      },
    });
    await client.connect();
    return Object.assign(reports, { client });
  }
  const own = await open(Buffer.from(key.id));
  return {
    own,
    userId: account.userId,
    fresh: () => open(null),
    write: (text) => void messenger.say(name, "101", text, true),
    arrived: () => arrived,
    order: (method, seconds) => messenger.order(name, method, null, seconds * 1000),
    breakWire() {
      const call = faultOf(own.client.dialogs(10));
      messenger.breakWires(() => true, false);
      return call;
    },
    killKey: () => messenger.kill(key),
    async refuseToDial() {
      for (const wire of messenger.wiresOf(name)) wire.onEnded();
    },
    skipUpdates: () => (account.forgottenPts = account.pts),
    nowMs: () => wallMs(kernel.nowMs),
    close,
  };
});
