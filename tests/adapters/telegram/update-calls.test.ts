import { Long, type tl } from "@mtcute/core";
import { describe, expect, it } from "vitest";
import type { RawCall } from "../../../src/adapters/telegram/raw-call.ts";
import { createUpdateCalls } from "../../../src/adapters/telegram/update-calls.ts";
import { createUpdateReader } from "../../../src/adapters/telegram/update-reader.ts";

const peerUser = (userId: number): tl.TypePeer => ({ _: "peerUser", userId });
const peerChannel = (channelId: number): tl.TypePeer => ({ _: "peerChannel", channelId });

/** Dialogs with these peers, the newest first: a message of each, `n` older than the one before. */
function pageOf(peers: readonly tl.TypePeer[], newest: number, isAll: boolean) {
  const dialogs = peers.map((peer, n) => ({ _: "dialog", peer, topMessage: newest - n }));
  const messages = peers.map((peerId, n) => ({
    _: "message",
    id: newest - n,
    peerId,
    date: 10_000 + newest - n,
    message: "",
  }));
  const users = peers.flatMap((peer) =>
    peer._ === "peerUser"
      ? [{ _: "user", id: peer.userId, accessHash: Long.fromNumber(peer.userId * 10) }]
      : [],
  );
  const kind = isAll ? "messages.dialogs" : "messages.dialogsSlice";
  return { _: kind, dialogs, messages, chats: [], users, count: 1000 };
}

function answering(pages: readonly object[]) {
  const asked: tl.messages.RawGetDialogsRequest[] = [];
  const call = async (request: tl.messages.RawGetDialogsRequest) => {
    asked.push(request);
    return pages[asked.length - 1];
  };
  const nothing = () => {};
  const reader = createUpdateReader({
    onServiceMessage: nothing,
    onLoginToken: nothing,
    onDyingKey: nothing,
  });
  return { asked, calls: createUpdateCalls(call as unknown as RawCall, reader) };
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);

describe("the newest private chats", () => {
  it("are found behind a page of channels, which use up no room", async () => {
    const { asked, calls } = answering([
      pageOf(range(1, 100).map(peerChannel), 900, false),
      pageOf([peerUser(7), peerChannel(500), peerUser(777000), peerUser(8)], 800, true),
    ]);
    expect(await calls.dialogs(100)).toEqual([
      { peer: { userId: "7", accessHash: "70" }, topMessageId: 800, topDate: 10_800 },
      { peer: { userId: "8", accessHash: "80" }, topMessageId: 797, topDate: 10_797 },
    ]);
    expect(asked).toHaveLength(2);
    expect(asked[1]).toMatchObject({ offsetId: 801, offsetDate: 10_801, excludePinned: true });
  });

  it("are no more than were asked for, and no page is asked for without need", async () => {
    const { asked, calls } = answering([pageOf(range(1, 100).map(peerUser), 900, false)]);
    expect(await calls.dialogs(3)).toHaveLength(3);
    expect(asked).toHaveLength(1);
  });

  it("are sought in ten pages at most", async () => {
    const channels = pageOf(range(1, 100).map(peerChannel), 900, false);
    const { asked, calls } = answering(range(1, 30).map(() => channels));
    expect(await calls.dialogs(100)).toEqual([]);
    expect(asked).toHaveLength(10);
  });
});
