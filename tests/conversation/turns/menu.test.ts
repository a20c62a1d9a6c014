import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatReference,
  parseReference,
  renderButtons,
  renderText,
  resolveBeyond,
  resolveInput,
  type SessionOfMenus,
} from "../../../src/conversation/turns/menu.ts";
import { deriveRandomId, randomIdOfSend } from "../../../src/conversation/outbox/random-id.ts";
import type { MenuChoice } from "../../../src/ports/conversation/conversation-store.ts";

const menu: readonly MenuChoice[] = [
  { label: "Champigny", action: "choose-site", item: { toolOutputSeq: 64, index: 0 } },
  { label: "Back", action: "view-sites" },
];
const session: SessionOfMenus = {
  id: "41",
  lastSeq: 6,
  snapshot: null,
  messages: [
    { seq: 1, role: "user", body: "Bonjour", menu: null },
    { seq: 2, role: "bot", body: "Older", menu: [{ label: "Old", action: "old" }] },
    { seq: 4, role: "bot", body: "Sites", menu },
    { seq: 6, role: "bot", body: "No menu", menu: null },
  ],
  toolOutputs: [{ seq: 64, name: "list_projects_tool", output: [{ id: "champigny" }] }],
};
const tap = (data: string) => resolveInput({ kind: "tap", text: data }, session, "buttons");
const text = (body: string, style: "buttons" | "numbered" = "numbered") =>
  resolveInput({ kind: "text", text: body }, session, style).input;

describe("a button's reference", () => {
  it("fits Telegram's 64 bytes at its longest and is read back as it was", () => {
    const longest = { sessionId: "9223372036854775807", seq: 999_999_999, index: 999 };
    const data = formatReference(longest);
    expect(Buffer.byteLength(data)).toBeLessThanOrEqual(64);
    expect(parseReference(data)).toEqual(longest);
  });

  it("names a session that came over from another bot, too", () => {
    const adopted = { sessionId: "-5", seq: 2, index: 0 };
    expect(parseReference(formatReference(adopted))).toEqual(adopted);
  });

  it("is nothing but a stale action when it is malformed, whatever it carries", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((tail) => `h1:41:4:${tail}`),
        ),
        (data) => {
          const { input } = tap(data);
          return parseReference(data) === null
            ? input.kind === "stale-action" && input.reason === "CHOICE_MALFORMED"
            : ["action", "stale-action"].includes(input.kind);
        },
      ),
    );
    expect(tap("").input).toEqual({ kind: "stale-action", reason: "CHOICE_MALFORMED" });
  });

  it("resolves to its choice and to the item that the choice pointed at", () => {
    expect(tap("h1:41:4:0")).toEqual({
      text: "Champigny",
      input: {
        kind: "action",
        action: "choose-site",
        item: { toolOutput: "list_projects_tool", index: 0, value: { id: "champigny" } },
      },
    });
    expect(tap("h1:41:2:0").input).toEqual({ kind: "action", action: "old" });
  });

  it.each([
    ["of another session", "h1:40:4:0", "CHOICE_OF_OTHER_SESSION"],
    ["of a message that is no longer loaded", "h1:41:3:0", "CHOICE_UNKNOWN"],
    ["of a place that the menu lacks", "h1:41:4:9", "CHOICE_UNKNOWN"],
    ["of a later form", "h2:41:4:0", "CHOICE_MALFORMED"],
  ])("%s is stale", (_what, data, reason) => {
    expect(tap(data).input).toEqual({ kind: "stale-action", reason });
  });

  it("is stale when the tool output that its choice points at is no longer loaded", () => {
    const without = { ...session, toolOutputs: [] };
    const { input } = resolveInput({ kind: "tap", text: "h1:41:4:0" }, without, "buttons");
    expect(input).toEqual({ kind: "stale-action", reason: "CHOICE_UNKNOWN" });
  });
});

describe("a choice that is older than the loaded history", () => {
  const later: SessionOfMenus = {
    ...session,
    lastSeq: 30,
    messages: [{ seq: 11, role: "user", body: "and on", menu: null }],
    toolOutputs: [],
  };
  const reference = { sessionId: "41", seq: 4, index: 0 };

  it("is looked for in its session, and then means what it meant", () => {
    const pressed = { kind: "tap", text: "h1:41:4:0" } as const;
    const resolved = resolveInput(pressed, later, "buttons");
    expect(resolved.beyond).toEqual(reference);
    const found = { choice: menu[0]!, source: session.toolOutputs[0]! };
    expect(resolveBeyond(pressed, resolved, found)).toEqual(tap("h1:41:4:0"));
    expect(resolveBeyond(pressed, resolved, null).input).toEqual({
      kind: "stale-action",
      reason: "CHOICE_UNKNOWN",
    });
  });

  it("is looked for where its menu is loaded and the item that it points at is not", () => {
    const without = { ...session, toolOutputs: [] };
    const [first, second] = ["h1:41:4:0", "h1:41:4:1"].map((data) =>
      resolveInput({ kind: "tap", text: data }, without, "buttons"),
    );
    expect(first?.beyond).toEqual(reference);
    expect(second?.beyond).toBeUndefined();
  });

  it.each(["h1:41:0:0", "h1:41:12:0", "h1:41:99:0", "h1:40:4:0", "h2:41:4:0"])(
    "is not looked for as %s, which no old message can have offered",
    (data) => {
      expect(resolveInput({ kind: "tap", text: data }, later, "buttons").beyond).toBeUndefined();
    },
  );
});

describe("a numbered menu", () => {
  const asked: SessionOfMenus = {
    ...session,
    lastSeq: 8,
    messages: [
      ...session.messages,
      { seq: 7, role: "user", body: "1", menu: null },
      { seq: 8, role: "bot", body: "How many guests?", menu: null },
    ],
  };
  const number = (answer: string, of: SessionOfMenus) =>
    resolveInput({ kind: "text", text: answer }, of, "numbered");

  it("of an earlier turn is not what a number means", () => {
    expect(number("2", asked)).toEqual({ input: { kind: "text", text: "2" }, text: "2" });
  });

  it("that is sticky is answered after turns without a menu, and not in place of a later one", () => {
    const kept = { ...asked, snapshot: { stickyMenu: 2 } };
    expect(number("1", kept).input).toEqual({ kind: "action", action: "old" });
    expect(number("3", kept).input).toEqual({ kind: "text", text: "3" });
    const shown = { ...session, snapshot: { stickyMenu: 2 } };
    expect(number("2", shown).input).toEqual({ kind: "action", action: "view-sites" });
  });

  it("that is sticky and older than the loaded history is looked for, and the text is a text without it", () => {
    const later = { ...asked, messages: asked.messages.slice(-2), snapshot: { stickyMenu: 2 } };
    const resolved = number("1", later);
    expect(resolved).toEqual({
      input: { kind: "text", text: "1" },
      text: "1",
      beyond: { sessionId: "41", seq: 2, index: 0 },
    });
    expect(number("hello", later).beyond).toBeUndefined();
  });

  it("stands under the text, and buttons stand beside it", () => {
    expect(renderText("Sites", menu, "numbered")).toBe("Sites\n\n1. Champigny\n2. Back");
    expect(renderText("Sites", menu, "buttons")).toBe("Sites");
    const message = { sessionId: "41", seq: 4, menu };
    expect(renderButtons(message, "numbered")).toBeUndefined();
    expect(renderButtons(message, "buttons")).toEqual([
      { label: "Champigny", data: "h1:41:4:0" },
      { label: "Back", data: "h1:41:4:1" },
    ]);
  });

  it.each([
    "2",
    " 2 ",
    "2.",
    "2)",
    "\u06f2",
    "\u0662",
    "\uff12",
    "2\ufe0f\u20e3",
    "\u200f2",
    "(2)",
  ])("is answered by %j", (answer) => {
    expect(text(answer)).toEqual({ kind: "action", action: "view-sites" });
  });

  it.each(["0", "3", "2 please", "two", "999"])("leaves %j as the text that it is", (answer) => {
    expect(text(answer)).toEqual({ kind: "text", text: answer });
  });

  it("is not what a number means where the account shows buttons", () => {
    expect(text("2", "buttons")).toEqual({ kind: "text", text: "2" });
  });
});

it("a reply's random_id depends on what is answered alone, is 64 bits wide and never 0", () => {
  expect(deriveRandomId("site-bot", "1", "m:1", 0)).toBe("3418446938725769915");
  const parts = fc.tuple(fc.string(), fc.string(), fc.string(), fc.nat());
  fc.assert(
    fc.property(parts, (of) => {
      const id = BigInt(deriveRandomId(...of));
      return id !== 0n && BigInt.asIntN(64, id) === id && id === BigInt(deriveRandomId(...of));
    }),
  );
  expect(deriveRandomId("a", "b", "c", 1)).not.toBe(deriveRandomId("a", "b", "c", 2));
  expect(deriveRandomId("a", "bc", "d", 1)).not.toBe(deriveRandomId("ab", "c", "d", 1));
});

it("a script's random_id depends on account, chat and key, and is never that of a reply", () => {
  expect(randomIdOfSend("site-bot", "1", "k")).toBe("6188027845158112225");
  expect(randomIdOfSend("site-bot", "1", "l")).not.toBe(randomIdOfSend("site-bot", "1", "k"));
  expect(randomIdOfSend("a", "b", "0")).not.toBe(deriveRandomId("send", "a", "b", 0));
});
