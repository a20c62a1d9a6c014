import { describe, expect, it } from "vitest";
import { createChannels, type ServedChannel } from "../../src/channels/all-channels.ts";
import { telegramChannel } from "../../src/channels/telegram/channel.ts";
import type { OutboxSender } from "../../src/conversation/outbox/sender.ts";

const claim = { partition: 3, epoch: 2 };
const telegram = telegramChannel(
  (account) => (({ "site-bot": "bot", "site-desk": "user" }) as const)[account] ?? null,
);

/** A channel whose replies the owner of a partition sends, and what its senders were told. */
function webhook() {
  const told: string[] = [];
  const lost: (() => void)[] = [];
  const channel: ServedChannel = {
    name: "webhook",
    styleOf: (account) => (account === "sms" ? "numbered" : null),
    makeSender({ partition }, onLost) {
      lost.push(onLost);
      const tell = (what: string) => void told.push(`${partition}: ${what}`);
      return {
        start: async () => tell("start"),
        stop: async () => tell("stop"),
        notify: () => tell("notify"),
      } as Partial<OutboxSender> as OutboxSender;
    },
  };
  return { channel, told, lost };
}

describe("the channels of a node", () => {
  it("show a bot's menus as buttons and a user's by numbers, and leave the replies to the holder", () => {
    const { placeOf } = createChannels([telegram, null]);
    const bot = placeOf({ channel: "telegram", account: "site-bot" });
    const desk = placeOf({ channel: "telegram", account: "site-desk" });
    expect([bot, desk]).toEqual([
      { style: "buttons", sentBy: "holder" },
      { style: "numbered", sentBy: "holder" },
    ]);
  });

  it("serve an account by the channel that a message came by, and by no other", () => {
    const { placeOf } = createChannels([telegram, webhook().channel]);
    expect(placeOf({ channel: "webhook", account: "sms" })).toEqual({
      style: "numbered",
      sentBy: "owner",
    });
    expect(placeOf({ channel: "telegram", account: "sms" })).toBeNull();
    expect(placeOf({ channel: "webhook", account: "site-bot" })).toBeNull();
  });

  it("serve nothing by a channel that is not configured", () => {
    const { placeOf } = createChannels([telegram, null]);
    expect(placeOf({ channel: "webhook", account: "sms" })).toBeNull();
  });

  it("make a partition's owner the sender of each channel that wants one", async () => {
    const { channel, told, lost } = webhook();
    let isLost = false;
    const senders = createChannels([telegram, channel]).makeSenders(claim, () => {
      isLost = true;
    });
    senders.start();
    expect([senders.notify("webhook"), senders.notify("telegram")]).toEqual([true, false]);
    await senders.stop();
    expect(told).toEqual(["3: start", "3: notify", "3: stop"]);
    lost[0]?.();
    expect(isLost).toBe(true);
  });
});
