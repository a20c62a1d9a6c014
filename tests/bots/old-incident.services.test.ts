import { afterEach, describe, expect, it } from "vitest";
import type { AccountKind } from "../../machines/lifecycle.ts";
import { createSiteManagerBot } from "../../src/bots/site-manager/site-manager-bot.ts";
import type { InboundItem } from "../../src/ports/conversation/inbound-stream.ts";
import {
  type ConversationBench,
  openConversationBench,
  tapFrom,
  textFrom,
  ungrouped,
} from "../fixtures/conversation-bench.ts";
import { isLookup } from "../fixtures/statements.ts";

let bench: ConversationBench;
afterEach(() => bench.close());

const bot = createSiteManagerBot();
const user = "42";

/** Starts the engine and the sender; a message resolves when its turn is committed and its reply has arrived. */
async function open(kind: AccountKind) {
  bench = await openConversationBench(kind, { limits: ungrouped });
  const engine = await bench.makeEngine(bot);
  await bench.makeSender().start();
  await engine.start();
  return engine;
}

async function send(...items: readonly InboundItem[]): Promise<void> {
  await bench.stream.append(items);
  await bench.stream.emptied();
  await bench.sent();
}

/** The data of a button that the user sees, newest message first. */
function button(label: string): { readonly messageId: number; readonly data: string } {
  for (const { messageId, buttons } of bench.telegram.arrived.toReversed()) {
    const found = buttons?.find((candidate) => candidate.label === label);
    if (found !== undefined) return { messageId, data: found.data };
  }
  throw new Error(`no button ${label}`);
}

function tap(label: string): InboundItem {
  const { messageId, data } = button(label);
  return tapFrom(user, messageId, data);
}

const shown = () => bench.telegram.texts(user);
const newest = () => shown().at(-1) ?? "";
const lookups = () => bench.statements.filter(isLookup).length;
const sessions = () => bench.database.query("select id from conversation_sessions");

describe("Bonjour → View Sites → Champigny (the old incident)", () => {
  it("shows Champigny's tasks, in one session, with one look-up per turn (I3)", async () => {
    await open("bot");
    await send(textFrom(user, "Bonjour"));
    expect(newest()).toContain("Bonjour");
    await send(tap("View Sites"));
    await send(tap("Champigny"));
    expect(newest()).toMatch(/^Tasks of Champigny:/);
    expect(newest()).toContain("Lay the bathroom tiles");
    expect(await sessions()).toHaveLength(1);
    expect(lookups()).toBe(3);
    expect(bench.decisions).toEqual([
      "SESSION_CREATED_FIRST_CONTACT",
      "SESSION_REUSED",
      "SESSION_REUSED",
    ]);
  });

  it("with three taps on Champigny at once answers once, and never with a greeting", async () => {
    await open("bot");
    await send(textFrom(user, "Bonjour"));
    await send(tap("View Sites"));
    const champigny = tap("Champigny");
    await send(champigny, champigny, champigny);
    expect(shown().map((text) => text.split("\n")[0])).toEqual([
      "Bonjour! I am the site manager. What would you like to do?",
      "Here are your sites. Choose one to see its tasks.",
      "Tasks of Champigny:",
    ]);
    expect(await sessions()).toHaveLength(1);
    expect(bench.turnEndings.filter((ending) => ending === "duplicate")).toHaveLength(2);
    expect(lookups()).toBe(bench.turnEndings.length);
  });

  it("with taps on three sites at once shows the tasks of each, in the order of the taps", async () => {
    await open("bot");
    await send(textFrom(user, "Bonjour"));
    await send(tap("View Sites"));
    await send(tap("Champigny"), tap("Vitry"), tap("Ivry"));
    expect(
      shown()
        .slice(2)
        .map((text) => text.split("\n")[0]),
    ).toEqual(["Tasks of Champigny:", "Tasks of Vitry:", "Tasks of Ivry:"]);
    expect(await sessions()).toHaveLength(1);
  });

  it("all three messages at once, from eight users, make one session each", async () => {
    await open("bot");
    const users = Array.from({ length: 8 }, (_, index) => String(index + 1));
    const words = ["Bonjour", "View Sites", "Champigny"];
    await send(...words.flatMap((word) => users.map((chatUser) => textFrom(chatUser, word))));
    expect(await sessions()).toHaveLength(8);
    for (const chatUser of users) {
      expect(bench.telegram.texts(chatUser).at(-1)).toContain("Tasks of Champigny:");
    }
    expect(lookups()).toBe(24);
  });

  it("goes on after a crash between two taps", async () => {
    const engine = await open("bot");
    await send(textFrom(user, "Bonjour"));
    await send(tap("View Sites"));
    bench.stream.crash();
    await engine.stop();
    const next = await bench.makeEngine(bot);
    await bench.stream.append([tap("Champigny")]);
    await next.start();
    await bench.stream.emptied();
    await bench.sent();
    expect(newest()).toMatch(/^Tasks of Champigny:/);
    expect(await sessions()).toHaveLength(1);
  });

  it("works by numbers where the account may not send buttons", async () => {
    await open("user");
    await send(textFrom(user, "Bonjour"));
    expect(newest()).toMatch(/\n\n1\. View Sites\n2\. Français\n3\. Talk to a person$/);
    await send(textFrom(user, "1"));
    expect(newest()).toContain("1. Champigny\n2. Vitry\n3. Ivry");
    await send(textFrom(user, "1"));
    expect(newest()).toMatch(/^Tasks of Champigny:/);
    expect(bench.telegram.arrived.some(({ buttons }) => buttons !== undefined)).toBe(false);
  });
});

describe("buttons that lead nowhere", () => {
  it("a button of an ended session gets a clear answer and a fresh menu, and is counted", async () => {
    await open("bot");
    await send(textFrom(user, "Bonjour"));
    await send(tap("View Sites"));
    const old = tap("Champigny");
    await bench.database.query("update conversation_sessions set status = 'ended'");
    await send(old);
    expect(newest()).toContain("no longer works");
    expect(bench.notes).toEqual(["CHOICE_OF_OTHER_SESSION"]);
    await send(tap("Vitry"));
    expect(newest()).toMatch(/^Tasks of Vitry:/);
  });

  it("data that no button carries gets the same answer", async () => {
    await open("bot");
    await send(tapFrom(user, 1, "\u0000option_1\uD800"));
    expect(newest()).toContain("no longer works");
    expect(newest()).toContain("Here are your sites");
    expect(bench.notes).toEqual(["CHOICE_MALFORMED"]);
  });
});

it("words that it does not know get the menu, not silence", async () => {
  await open("bot");
  await send(textFrom(user, "quelle heure est-il ?"));
  expect(newest()).toContain("did not understand");
  expect(button("View Sites").data).toMatch(/^h1:/);
});
