import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkPeers, findPeers } from "../../src/commands/use-guards.ts";
import { withoutServiceTexts } from "../../src/ports/telegram/service-account.ts";
import type { JsonObject, JsonValue, TelegramClient } from "../../src/ports/telegram/telegram.ts";

const code = "Login code: 48151";
const seen = (answer: JsonValue) => JSON.stringify(withoutServiceTexts(answer));
const inChatOf = (userId: JsonValue, rest: JsonObject = {}): JsonObject => ({
  _: "message",
  peerId: { _: "peerUser", userId },
  message: code,
  ...rest,
});

describe("what the service account wrote (I7)", () => {
  it.each<[string, JsonValue]>([
    ["in its own chat", inChatOf(777_000)],
    ["from it elsewhere", inChatOf(42, { fromId: { _: "peerUser", userId: 777_000 } })],
    ["under a 64-bit number", inChatOf({ $long: "777000" })],
    ["under a text", inChatOf("777000")],
    ["in a short update", { _: "updateShortMessage", userId: 777_000, message: code }],
    [
      "in a forward",
      inChatOf(42, { fwdFrom: { _: "messageFwdHeader", fromId: { userId: 777_000 }, date: 1 } }),
    ],
    [
      "in a quote",
      inChatOf(42, {
        message: "see",
        replyTo: {
          quoteText: code,
          replyFrom: { fromId: { _: "peerUser", userId: 777_000 } },
        },
      }),
    ],
    [
      "in a quote that does not say whose it is",
      inChatOf(42, { message: "see", replyTo: { _: "messageReplyHeader", quoteText: code } }),
    ],
    ["in a notification", { _: "updateServiceNotification", type: "", message: code }],
    [
      "in a constructor that is not known",
      {
        _: "messages.messages",
        messages: [{ _: "messageOfTomorrow", words: [code] }],
        users: [{ _: "user", id: 777_000 }],
      },
    ],
    [
      "in bytes",
      inChatOf(777_000, { message: "", bytes: { $bytes: Buffer.from(code).toString("base64") } }),
    ],
  ])("is withheld %s", (_where, answer) => {
    const shown = seen({ _: "messages.messages", chats: [], messages: [answer] });
    expect(shown).not.toContain("48151");
    expect(shown).not.toContain(Buffer.from(code).toString("base64"));
    expect(seen(answer)).not.toContain("48151");
  });

  it("does not take other chats along", () => {
    const others = inChatOf(42, { message: "hello" });
    const users = [{ _: "user", id: 777_000, firstName: "Telegram" }];
    const answer = { _: "messages.dialogs", messages: [inChatOf(777_000), others], users };
    expect(JSON.parse(seen(answer))).toMatchObject({ messages: [{}, { message: "hello" }], users });
  });

  const keys = fc.constantFrom("a", "text", "fromId", "media", "entities", "of", "messageOf");
  const ids = fc.constantFrom<JsonValue>(
    777_000,
    "777000",
    { $long: "777000" },
    { _: "peerUser", userId: 777_000 },
    { _: "later", in: { by: [{ $long: "777000" }] } },
  );
  const scalar: fc.Arbitrary<JsonValue> = fc.oneof(fc.integer(), fc.constant("words"));
  const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      scalar,
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(keys, tie("tree"), { maxKeys: 3 }),
    ),
  }));
  /** From the innermost to the outermost: objects and lists around the text. */
  const shell = fc.record({ isList: fc.boolean(), name: keys, beside: tree, kind: fc.string() });

  it("is withheld wherever an object around it names the service account", () => {
    fc.assert(
      fc.property(
        fc.array(shell, { minLength: 1, maxLength: 6 }),
        fc.nat(),
        ids,
        (shells, at, id) => {
          const named = at % shells.length;
          const answer = shells.reduce<JsonValue>(
            (inner, { isList, name, beside, kind }, depth) => {
              if (isList && depth !== named) return [beside, inner];
              const around = { _: kind, [name]: inner, [`${name}Beside`]: beside };
              return depth === named ? { ...around, whose: id } : around;
            },
            code,
          );
          // Not its digits alone, which a number beside it may hold.
          expect(seen(answer)).not.toContain("Login code");
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("parameters that name the service account", () => {
  it.each<[string, JsonObject]>([
    ["as a peer", { peer: { _: "inputPeerUser", userId: 777_000, accessHash: { $long: "0" } } }],
    ["as text", { peer: { _: "inputPeerUser", userId: "777000" } }],
    ["as another spelling", { peer: { _: "inputPeerUser", userId: "0xbdb28" } }],
    ["as a fraction", { peer: { _: "inputPeerUser", userId: 777_000.5 } }],
    ["as a 64-bit number", { peer: { _: "inputPeerUser", userId: { $long: "0777000" } } }],
    ["in a list", { fromPeer: { _: "inputPeerSelf" }, users: [{ userId: [777_000] }] }],
    [
      "through a message",
      { peer: { _: "inputPeerUserFromMessage", peer: {}, msgId: 1, userId: 777_000 } },
    ],
  ])("are refused %s", (_how, params) => {
    expect(() => checkPeers(params)).toThrow(expect.objectContaining({ code: "PEER_WITHHELD" }));
  });

  it("are not those where it is a place in a chat, or a word", () => {
    expect(() =>
      checkPeers({
        offsetId: 777_000,
        id: [777_000],
        message: "777000",
        hash: { $long: "777000" },
      }),
    ).not.toThrow();
  });

  it("hide in no number that a library would read in its own way", () => {
    expect(() => checkPeers({ peer: { userId: { $long: "777000x" } } })).toThrow(
      expect.objectContaining({ code: "COMMAND_MALFORMED" }),
    );
  });
});

describe("whom a name means", () => {
  const client = {
    self: async () => ({ userId: "1" }),
    dialogs: async () => [{ peer: { userId: "42", accessHash: "7" } }],
    invoke: async (method: string, params: JsonObject) => {
      const found = params["username"] === "bob" || params["phone"] === "33612345601";
      const user = { id: method.length, accessHash: { $long: "9" } };
      return { users: found ? [user] : [] };
    },
  } as unknown as TelegramClient;
  const storedHash = async (userId: string) => (userId === "44" ? "8" : null);

  it.each([
    ["me", { userId: "1", accessHash: "0" }],
    ["42", { userId: "42", accessHash: "7" }],
    ["tg://user?id=42", { userId: "42", accessHash: "7" }],
    ["44", { userId: "44", accessHash: "8" }],
    ["@bob", { userId: "24", accessHash: "9" }],
    ["https://t.me/bob?start=x", { userId: "24", accessHash: "9" }],
    ["+33 6 12 34 56 01", { userId: "21", accessHash: "9" }],
  ])("is found by %s", async (name, peer) => {
    expect(await findPeers(client, name, storedHash)).toEqual([peer]);
  });

  it.each([
    ["@unknown", "PEER_UNKNOWN"],
    ["43", "PEER_UNKNOWN"],
    ["-100123", "PEER_MALFORMED"],
    ["https://t.me/joinchat/x", "PEER_MALFORMED"],
  ])("is refused by %s with %s", async (name, refusal) => {
    await expect(findPeers(client, name, storedHash)).rejects.toMatchObject({ code: refusal });
  });
});
