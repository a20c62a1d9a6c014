import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createStoredPeers } from "../../src/adapters/postgres/stored-peers.ts";
import type { Account } from "../../src/accounts/account.ts";
import type { AccountWorld } from "../../src/accounts/context.ts";
import { createHolderCommands } from "../../src/commands/use-verbs.ts";
import type { Speaker } from "../../src/ports/speaker.ts";
import type { TelegramClient } from "../../src/ports/telegram/telegram.ts";
import type { PhoneUser } from "../../src/telegram-dc/world/phone/phone-port.ts";
import { type AccountBench, openAccountBench } from "../fixtures/account-bench.ts";

const owner: Speaker = { name: "owner", role: "owner", key: "U1", accounts: "all" };

let bench: AccountBench;
let ann: PhoneUser;
let bot: Account;
/** The access hash of each send, in order. */
let sentUnder: string[];

/** Tells the address of what is sent. */
const watched = (world: AccountWorld): AccountWorld => ({
  ...world,
  drivers: {
    async of(name) {
      const driver = await world.drivers.of(name);
      return {
        name,
        open(options) {
          const client = driver.open(options);
          const send: TelegramClient["send"] = (message) => {
            sentUnder.push(message.peer.accessHash);
            return client.send(message);
          };
          return Object.assign(Object.create(client) as TelegramClient, { send });
        },
      };
    },
  },
});

beforeEach(async () => {
  bench = await openAccountBench();
  sentUnder = [];
  ann = bench.dc.phone.createUser({ firstName: "Ann", username: "ann" });
  bot = await bench.makeAccount("bot", watched);
  await bot.start();
  await bot.login("l1", "bot-token");
  await bot.runtime.until((state) => state === "active");
  bench.dc.phone.send(ann.id, { peer: bot.name.replaceAll("-", "_"), text: "hello" });
  await vi.waitUntil(() => bench.appended.length === 1, { timeout: 10_000 });
});
afterEach(() => bench.close());

/** As after a reply of the bot under that address. */
async function storeReply(account: string, accessHash: string): Promise<void> {
  await bench.database.query(
    `with s as (
       insert into conversation_sessions (channel, account, chat_user) values ('telegram', $1, $2) returning id)
     insert into outbox (channel, account, chat_user, address, reply_index, session_id, seq, random_id, state)
     select 'telegram', $1, $2, $3, 0, id, 2, id, 'sent' from s`,
    [account, String(ann.id), JSON.stringify({ accessHash })],
  );
}

const send = () =>
  createHolderCommands(createStoredPeers(bench.database)).send(
    bot,
    { peer: String(ann.id), text: "ready", key: "1" },
    owner,
  );
const arrived = () =>
  bench.dc.phone
    .messages(ann.id, { peer: bot.name.replaceAll("-", "_"), limit: 10 })
    .flatMap(({ text, isOutgoing }) => (isOutgoing ? [] : [text]));

describe("a bot that sends to a user by number", () => {
  it("uses the access hash of the stored conversation", async () => {
    const { accessHash } = bench.appended[0]!.peer;
    await storeReply(bot.name, accessHash);
    expect(await send()).toMatchObject({ ok: true, repeated: false });
    expect(sentUnder).toEqual([accessHash]);
    expect(arrived()).toEqual(["ready"]);
  });

  it("sends without one where none is stored, or that of another account alone", async () => {
    await storeReply("another", "5");
    expect(await send()).toMatchObject({ ok: true });
    expect(sentUnder).toEqual(["0"]);
    expect(arrived()).toEqual(["ready"]);
  });

  it("sends without one, once, where Telegram refuses the stored one", async () => {
    await storeReply(bot.name, "5");
    expect(await send()).toMatchObject({ ok: true });
    expect(sentUnder).toEqual(["5", "0"]);
    expect(arrived()).toEqual(["ready"]);
  });
});
