import { Long, type tl } from "@mtcute/core";
import { describe, expect, it } from "vitest";
import { createUpdateReader } from "../../../src/adapters/telegram/update-reader.ts";

const bob = 42;
const service = 777000;

/** Telegram gives no access hash of one. */
const deleted: tl.RawUser = { _: "user", id: bob, deleted: true };

const user = (id: number, change: Partial<tl.RawUser> = {}): tl.RawUser => ({
  _: "user",
  id,
  accessHash: Long.fromNumber(id * 10),
  ...change,
});

const message = (peerId: tl.TypePeer, change: Partial<tl.RawMessage> = {}): tl.RawMessage => ({
  _: "message",
  id: 5,
  peerId,
  date: 100,
  message: "hello",
  ...change,
});

const peerUser = (userId: number): tl.TypePeer => ({ _: "peerUser", userId });

const arrival = (raw: tl.TypeMessage, pts = 11): tl.TypeUpdate => ({
  _: "updateNewMessage",
  message: raw,
  pts,
  ptsCount: 1,
});

const envelope = (
  updates: tl.TypeUpdate[],
  users: tl.TypeUser[] = [user(bob)],
): tl.TypeUpdates => ({
  _: "updates",
  updates,
  users,
  chats: [],
  date: 100,
  seq: 0,
});

const short = (change: Partial<tl.RawUpdateShortMessage> = {}): tl.TypeUpdates => ({
  _: "updateShortMessage",
  id: 5,
  userId: bob,
  message: "hello",
  date: 100,
  pts: 11,
  ptsCount: 1,
  ...change,
});

const tapOf = (userId: number): tl.RawUpdateBotCallbackQuery => ({
  _: "updateBotCallbackQuery",
  queryId: Long.fromString("9007199254740993"),
  userId,
  peer: peerUser(userId),
  msgId: 5,
  chatInstance: Long.ZERO,
  data: Buffer.from("sites:7"),
});

const hello = {
  kind: "message",
  peer: { userId: "42", accessHash: "420" },
  messageId: 5,
  text: "hello",
  outgoing: false,
  date: 100,
};

function openReader() {
  const codes: string[] = [];
  const warnings: string[] = [];
  const reader = createUpdateReader({
    onServiceMessage: (text: string) => void codes.push(text),
    onLoginToken: () => {},
    onDyingKey: (type: string) => void warnings.push(type),
  });
  return { codes, warnings, reader };
}

describe("whose message it is", () => {
  const read = (of: tl.RawUser) => {
    const { reader } = openReader();
    const pushed = reader.pushed(envelope([arrival(message(peerUser(bob)))], [of]));
    return pushed?.[0]?.update?.sender;
  };

  it("is told where it is the account itself, a bot or a deleted user", () => {
    expect(read(user(bob))).toBeUndefined();
    expect(read(user(bob, { self: true }))).toBe("self");
    expect(read(user(bob, { bot: true }))).toBe("bot");
    expect(read(deleted)).toBe("deleted");
  });

  it("is remembered for messages and presses that name no user", () => {
    const { reader } = openReader();
    reader.meet([user(bob, { bot: true })]);
    expect(reader.pushed(short())?.[0]?.update).toEqual({ ...hello, sender: "bot" });
    reader.meet([user(bob)]);
    expect(reader.pushed(short())?.[0]?.update).toEqual(hello);
  });

  it("of a deleted user is not fetched for an access hash that Telegram does not give", () => {
    const { reader } = openReader();
    reader.meet([deleted]);
    expect(reader.pushed(short())).toHaveLength(1);
  });
});

describe("reading pushes", () => {
  it("tells a warning that Telegram may end the key from other notifications", () => {
    const { reader, warnings } = openReader();
    for (const type of ["AUTH_KEY_DROP_DUPLICATE", "CHANGELOG"]) {
      const update = {
        _: "updateServiceNotification" as const,
        type,
        message: "",
        media: { _: "messageMediaEmpty" as const },
        entities: [],
      };
      reader.pushed(envelope([update]));
    }
    expect(warnings).toEqual(["AUTH_KEY_DROP_DUPLICATE"]);
  });

  it("gives a private message with its user's access hash and its place", () => {
    const { reader } = openReader();
    expect(reader.pushed(envelope([arrival(message(peerUser(bob)))]))).toEqual([
      { update: hello, pts: 11, ptsCount: 1 },
    ]);
    const combined = { ...envelope([arrival(message(peerUser(bob)))]), _: "updatesCombined" };
    expect(reader.pushed({ ...combined, seqStart: 0 } as tl.RawUpdatesCombined)).toHaveLength(1);
  });

  it("must fetch a message of a user whose access hash it was never given", () => {
    const { reader } = openReader();
    expect(reader.pushed(envelope([arrival(message(peerUser(bob)))], []))).toBeNull();
    expect(reader.pushed(short())).toBeNull();
  });

  it("remembers access hashes, for short messages too", () => {
    const { reader } = openReader();
    reader.meet([user(bob)]);
    expect(reader.pushed(short())).toEqual([{ update: hello, pts: 11, ptsCount: 1 }]);
    expect(reader.pushed(short({ out: true }))).toMatchObject([{ update: { outgoing: true } }]);
  });

  it("takes no access hash from a user that Telegram shows in part only", () => {
    const { reader } = openReader();
    reader.meet([user(bob, { min: true })]);
    expect(reader.pushed(short())).toBeNull();
  });

  it("passes a forwarded login code on without its text", () => {
    const { reader } = openReader();
    reader.meet([user(bob)]);
    const fwdFrom: tl.RawMessageFwdHeader = {
      _: "messageFwdHeader",
      date: 90,
      fromId: peerUser(service),
    };
    const code = "Login code: 48151";
    const long = message(peerUser(bob), { fwdFrom, message: code });
    const read = [
      reader.pushed(envelope([arrival(long)])),
      reader.pushed(short({ fwdFrom, message: code })),
      reader.message(long),
    ];
    expect(JSON.stringify(read)).not.toContain("48151");
    expect(reader.message(long)).toMatchObject({ kind: "message", messageId: 5 });
  });

  it("tells service messages apart, once, and counts them", () => {
    const { codes, reader } = openReader();
    const code = arrival(message(peerUser(service), { message: "Login code: 12345." }));
    expect(reader.pushed(envelope([code]))).toEqual([{ update: null, pts: 11, ptsCount: 1 }]);
    expect(
      reader.pushed(short({ userId: service, message: "Login code: 54321.", pts: 12 })),
    ).toEqual([{ update: null, pts: 12, ptsCount: 1 }]);
    expect(codes).toEqual(["Login code: 12345.", "Login code: 54321."]);
  });

  it("says no code that it must fetch anyway, as the fetch brings it again", () => {
    const { codes, reader } = openReader();
    const code = arrival(message(peerUser(service), { message: "Login code: 12345." }));
    const strange = envelope([arrival(message(peerUser(bob)), 10), code], []);
    expect(reader.pushed(strange)).toBeNull();
    expect(codes).toEqual([]);
  });

  it("takes of a container what needs no fetch, and asks for the rest in its place", () => {
    const { reader } = openReader();
    const [carol, press] = [43, tapOf(bob)];
    const updates = [
      arrival(message(peerUser(carol)), 11),
      press,
      arrival(message(peerUser(bob)), 12),
      arrival(message(peerUser(carol)), 13),
      press,
    ];
    const read = reader.pushed(envelope(updates, [user(carol)]));
    expect(read?.map(({ update, pts, ask }) => ask ?? pts ?? update?.kind)).toEqual([
      11,
      "tap",
      "fetch",
      "tap",
    ]);
  });

  it("takes a press of a user whom it does not know: a bot may answer without an access hash", () => {
    const { reader } = openReader();
    const alone: tl.TypeUpdates = { _: "updateShort", update: tapOf(bob), date: 100 };
    expect(reader.pushed(alone)).toMatchObject([{ update: { kind: "tap", messageId: 5 } }]);
  });

  it("asks for Telegram's state when the count of updates has fallen back", () => {
    const { reader } = openReader();
    const changed: tl.TypeUpdates = {
      _: "updateShort",
      update: { _: "updatePtsChanged" },
      date: 100,
    };
    expect(reader.pushed(changed)).toMatchObject([{ update: null, pts: null, ask: "state" }]);
  });

  it("says nothing of groups, edits and service notes, but counts them", () => {
    const { reader } = openReader();
    const group: tl.TypePeer = { _: "peerChat", chatId: 9 };
    const edit: tl.TypeUpdate = {
      _: "updateEditMessage",
      message: message(peerUser(bob)),
      pts: 13,
      ptsCount: 1,
    };
    expect(reader.pushed(envelope([arrival(message(group), 12), edit]))).toEqual([
      { update: null, pts: 12, ptsCount: 1 },
      { update: null, pts: 13, ptsCount: 1 },
    ]);
  });

  it("does not count what counts in a channel, or nowhere", () => {
    const { reader } = openReader();
    const channel: tl.TypeUpdate = {
      _: "updateNewChannelMessage",
      message: message({ _: "peerChannel", channelId: 3 }),
      pts: 900,
      ptsCount: 1,
    };
    const typing: tl.TypeUpdate = {
      _: "updateUserTyping",
      userId: bob,
      action: { _: "sendMessageTypingAction" },
    };
    const nowhere = { update: null, pts: null, ptsCount: 0 };
    expect(reader.pushed(envelope([channel, typing]))).toEqual([nowhere, nowhere]);
    expect(reader.pushed({ _: "updateShort", update: typing, date: 100 })).toEqual([nowhere]);
  });

  it("counts the short forms that carry nothing for a turn", () => {
    const { reader } = openReader();
    const sent: tl.TypeUpdates = {
      _: "updateShortSentMessage",
      id: 6,
      pts: 14,
      ptsCount: 1,
      date: 100,
    };
    expect(reader.pushed(sent)).toEqual([{ update: null, pts: 14, ptsCount: 1 }]);
  });

  it("must fetch when Telegram says that there is too much", () => {
    expect(openReader().reader.pushed({ _: "updatesTooLong" })).toBeNull();
  });

  it("gives a tap of a private chat, and none of a group or a game", () => {
    const { reader } = openReader();
    const tap = tapOf(bob);
    const { data: _data, ...game } = tap;
    const inGroup = { ...tap, peer: { _: "peerChat", chatId: 9 } } as const;
    expect(reader.pushed(envelope([tap, game, inGroup]))).toEqual([
      {
        update: {
          kind: "tap",
          peer: { userId: "42", accessHash: "420" },
          messageId: 5,
          data: "sites:7",
          queryId: "9007199254740993",
        },
        pts: null,
        ptsCount: 0,
      },
      { update: null, pts: null, ptsCount: 0 },
      { update: null, pts: null, ptsCount: 0 },
    ]);
  });
});

describe("reading what was fetched", () => {
  it("gives a message of an unknown user without an access hash rather than lose it", () => {
    const { reader } = openReader();
    expect(reader.message(message(peerUser(bob)))).toMatchObject({
      peer: { userId: "42", accessHash: "0" },
    });
  });
});
