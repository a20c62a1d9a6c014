import { describe, expect, it } from "vitest";
import { createChannels } from "../../src/channels/all-channels.ts";
import { telegramChannel } from "../../src/channels/telegram/channel.ts";
import { runHere } from "../../src/conversation/turns/bot-here.ts";
import { createSeats } from "../../src/node/seats.ts";
import { echo } from "../fixtures/test-bots.ts";

const bot = runHere(echo);

/** `added`: an account that was added elsewhere, and of which this host has had no news. */
function seats(added: string, learnt: () => Promise<void> = async () => undefined) {
  const known = new Set(["old"]);
  let looks = 0;
  const find = createSeats({
    channels: createChannels([telegramChannel((name) => (known.has(name) ? "bot" : null))]),
    bots: { answering: () => bot },
    async learn() {
      looks += 1;
      await learnt();
      known.add(added);
    },
  });
  return { of: (account: string) => find({ channel: "telegram", account }), looks: () => looks };
}

describe("the bot for a message", () => {
  it("is found at once where the account is known", () => {
    const { of, looks } = seats("new");
    expect(of("old")).toMatchObject({ bot });
    expect(looks()).toBe(0);
  });

  it("is found for an account whose news this host has missed", async () => {
    expect(await seats("new").of("new")).toMatchObject({ bot, sentBy: "holder" });
  });

  it("is none where the database knows no such account either", async () => {
    expect(await seats("new").of("other")).toBeNull();
  });

  it("is looked for again where the database does not answer", async () => {
    const { of } = seats("new", () => Promise.reject(new Error("the database is away")));
    await expect(of("new")).rejects.toThrow("the database is away");
  });
});
