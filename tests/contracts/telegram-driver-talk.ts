import { describe, expect, it } from "vitest";
import { createMediaReader } from "../../src/conversation/turns/media-reader.ts";
import { HoldfastError } from "../../src/errors.ts";
import type { TelegramError } from "../../src/ports/telegram/telegram-error.ts";
import type { AccountUpdate } from "../../src/ports/telegram/telegram.ts";
import {
  callsOf,
  createTelegramBench,
  faultOf,
  type MakeDriver,
  type OpenedClient,
} from "../fixtures/telegram-bench.ts";

const updatesOf = ({ pushed }: OpenedClient): AccountUpdate[] =>
  pushed.flatMap((entry) => entry?.update ?? []);

/** Messages, taps, differences and history. */
export function specifyTalk(makeDriver: MakeDriver): void {
  const bench = createTelegramBench(makeDriver);

  describe("messages by their ids", () => {
    it("are read by a bot too, and an id without a message is left out", async () => {
      const dc = await bench.startDc();
      dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const helper = await bench.bot(dc, "helper_bot");
      dc.phone.send("bob", { peer: "helper_bot", text: "one" });
      dc.phone.send("bob", { peer: "helper_bot", text: "two" });
      await helper.until(() => updatesOf(helper).length === 2);
      const [one, two] = updatesOf(helper).flatMap((update) =>
        update.kind === "message" ? update : [],
      );
      const ids = [one!.messageId, two!.messageId, two!.messageId + 1, 2 ** 31 - 1];
      const found = await helper.client.messagesById(ids);
      expect(found).toEqual(
        [one!, two!].map((message) => ({
          messageId: message.messageId,
          date: message.date,
          message,
        })),
      );
    });
  });

  describe("sending", () => {
    it("sends a text once, and refuses the same random id again", async () => {
      const dc = await bench.startDc();
      const bob = dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const ada = await bench.person(dc, "ada");
      dc.phone.send("bob", { peer: "ada", text: "hello" });
      await ada.until(() => updatesOf(ada).length === 1);
      const { peer } = updatesOf(ada)[0]!;
      const sent = await ada.client.send({ peer, text: "hi Bob", randomId: "-7" });
      expect(
        await faultOf(ada.client.send({ peer, text: "hi Bob", randomId: "-7" })),
      ).toMatchObject({ code: "RANDOM_ID_DUPLICATE", kind: "refused" });
      expect(dc.ledger.messages({ to: bob.id })).toMatchObject([
        { fromMessageId: sent.messageId, text: "hi Bob", randomId: -7n },
      ]);
    });

    it("tells what it sent itself as an update, so that no gap is seen", async () => {
      const dc = await bench.startDc();
      dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const ada = await bench.person(dc, "ada");
      const before = await ada.client.cursor();
      dc.phone.send("bob", { peer: "ada", text: "hello" });
      await ada.until(() => updatesOf(ada).length === 1);
      const { peer } = updatesOf(ada)[0]!;
      await ada.client.send({ peer, text: "hi Bob", randomId: "1" });
      expect(updatesOf(ada)[1]).toMatchObject({ text: "hi Bob", outgoing: true, peer });
      const counted = ada.pushed.filter((entry) => entry !== null && entry.pts !== null);
      expect(counted.map((entry) => [entry!.pts, entry!.ptsCount])).toEqual([
        [before.pts + 1, 1],
        [before.pts + 2, 1],
      ]);
    });

    it("sends a bot's buttons, one in a row, and refuses them from people", async () => {
      const dc = await bench.startDc();
      dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const helper = await bench.bot(dc, "helper_bot");
      const ada = await bench.person(dc, "ada");
      dc.phone.send("bob", { peer: "helper_bot", text: "/start" });
      dc.phone.send("bob", { peer: "ada", text: "hello" });
      const buttons = [
        { label: "Sites", data: "sites" },
        { label: "Help", data: "help" },
      ];
      await helper.until(() => updatesOf(helper).length === 1);
      const toBob = { peer: updatesOf(helper)[0]!.peer, text: "What now?", buttons };
      await helper.client.send({ ...toBob, randomId: "1" });
      expect(dc.phone.messages("bob", { peer: "helper_bot" }).at(-1)).toMatchObject({
        text: "What now?",
        buttons: [[{ text: "Sites" }], [{ text: "Help" }]],
      });
      await ada.until(() => updatesOf(ada).length === 1);
      const fromAda = { ...toBob, peer: updatesOf(ada)[0]!.peer, randomId: "2" };
      expect(await faultOf(ada.client.send(fromAda))).toMatchObject({
        code: "REPLY_MARKUP_INVALID",
        kind: "refused",
      });
    });

    it("sends nothing when a button's data is longer than Telegram takes", async () => {
      const dc = await bench.startDc();
      const helper = await bench.bot(dc, "helper_bot");
      const message = {
        peer: { userId: "5", accessHash: "0" },
        text: "What now?",
        buttons: [{ label: "Long", data: "é".repeat(33) }],
        randomId: "1",
      };
      expect(await faultOf(helper.client.send(message))).toMatchObject({
        code: "BUTTON_DATA_INVALID",
        kind: "refused",
      });
      expect(callsOf(dc, "messages.sendMessage")).toBe(0);
    });
  });

  describe("any method", () => {
    const peerOf = (peer: { userId: string; accessHash: string }) => ({
      _: "inputPeerUser",
      userId: Number(peer.userId),
      accessHash: { $long: peer.accessHash },
    });

    it("is called by its name, with JSON in and out", async () => {
      const dc = await bench.startDc();
      const bob = dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const ada = await bench.person(dc, "ada");
      dc.phone.send("bob", { peer: "ada", text: "hello" });
      await ada.until(() => updatesOf(ada).length === 1);
      const { peer } = updatesOf(ada)[0]!;
      await ada.client.invoke("messages.sendMessage", {
        peer: peerOf(peer),
        message: "hi Bob",
        randomId: { $long: "-9223372036854775807" },
      });
      expect(dc.ledger.messages({ to: bob.id })).toMatchObject([
        { text: "hi Bob", randomId: -9223372036854775807n },
      ]);
      // Its changes are reported, as for any sent message.
      expect(updatesOf(ada)[1]).toMatchObject({ text: "hi Bob", outgoing: true });
      const history = await ada.client.invoke("messages.getHistory", {
        peer: peerOf(peer),
        offsetId: 0,
        offsetDate: 0,
        addOffset: 0,
        limit: 10,
        maxId: 0,
        minId: 0,
        hash: { $long: "0" },
      });
      expect(history).toMatchObject({
        _: "messages.messages",
        messages: [
          { _: "message", message: "hi Bob", out: true, peerId: { userId: Number(bob.id) } },
          { _: "message", message: "hello", peerId: { _: "peerUser", userId: Number(bob.id) } },
        ],
        users: expect.arrayContaining([
          expect.objectContaining({ _: "user", accessHash: { $long: peer.accessHash } }),
        ]),
      });
    });

    it("is refused, with nothing sent, when there is none of that name", async () => {
      const dc = await bench.startDc();
      const ada = await bench.person(dc, "ada");
      const before = dc.ledger.rpcs().length;
      expect(await faultOf(ada.client.invoke("messages.makeCoffee", {}))).toMatchObject({
        code: "CALL_MALFORMED",
        kind: "refused",
      });
      expect(dc.ledger.rpcs()).toHaveLength(before);
    });
  });

  describe("receiving", () => {
    it("hands a push out with its place in the sequence and a peer that can be answered", async () => {
      const dc = await bench.startDc();
      const bob = dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const ada = await bench.person(dc, "ada");
      const { pts } = await ada.client.cursor();
      dc.phone.send("bob", { peer: "ada", text: "hello" });
      await ada.until(() => updatesOf(ada).length === 1);
      expect(ada.pushed.find((entry) => entry?.update)).toMatchObject({
        pts: pts + 1,
        ptsCount: 1,
        update: { kind: "message", text: "hello", outgoing: false, peer: { userId: `${bob.id}` } },
      });
      await ada.client.send({ peer: updatesOf(ada)[0]!.peer, text: "hi", randomId: "1" });
      expect(dc.ledger.messages({ to: bob.id })).toHaveLength(1);
    });

    it("tells of photos and files, which come by their place, chunk by chunk (V16)", async () => {
      const dc = await bench.startDc();
      dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const ada = await bench.person(dc, "ada");
      const bytes = Buffer.alloc(5_000, "the crack in the wall");
      const file = {
        kind: "document",
        mimeType: "text/plain",
        fileName: "notes.txt",
        bytes,
      } as const;
      dc.phone.send("bob", { peer: "ada", text: "look", file: { ...file, kind: "photo" } });
      dc.phone.send("bob", { peer: "ada", text: "", file });
      await ada.until(() => updatesOf(ada).length === 2);
      const [photo, notes] = updatesOf(ada);
      expect(photo).toMatchObject({
        text: "look",
        media: { type: "photo", mimeType: "image/jpeg", size: 5_000, fileName: null },
      });
      expect(notes).toMatchObject({
        text: "",
        media: { type: "file", mimeType: "text/plain", size: 5_000, fileName: "notes.txt" },
      });
      dc.phone.addFault({
        kind: "error",
        method: "upload.getFile",
        code: 400,
        message: "FILE_REFERENCE_EXPIRED",
      });
      const reader = createMediaReader({
        invoke: (_account, method, params) =>
          ada.client.invoke(method, params).catch((error: unknown) => {
            const { fault } = error as TelegramError;
            throw new HoldfastError({ code: fault.code, message: fault.message });
          }),
        fetchUrl: () => Promise.reject(new Error("nothing here has an address")),
      });
      for (const update of [photo, notes]) {
        const { media } = update as Extract<AccountUpdate, { kind: "message" }>;
        expect(Buffer.from(await reader.read("ada", media!, 10_000)).equals(bytes)).toBe(true);
      }
      expect(callsOf(dc, "messages.getMessages")).toBe(1);
    });

    it("tells the service account's messages apart in pushes, differences and history", async () => {
      const dc = await bench.startDc();
      const ada = await bench.person(dc, "ada");
      const from = await ada.client.cursor();
      const other = bench.open(dc);
      await other.client.connect();
      await other.client.requestCode(dc.phone.user("ada").phone!);
      const { code } = dc.phone.readCode("ada")!;
      await ada.until(() => ada.serviceMessages.length === 1);
      expect(ada.serviceMessages[0]).toContain(code);
      expect(ada.pushed.filter((entry) => entry?.pts === from.pts + 1)).toEqual([
        { update: null, pts: from.pts + 1, ptsCount: 1 },
      ]);

      const difference = await ada.client.difference(from);
      expect(difference).toMatchObject({ kind: "last", updates: [] });
      expect(ada.serviceMessages).toHaveLength(2);

      expect(await ada.client.dialogs(10)).toEqual([]);
      const service = { userId: "777000", accessHash: "0" };
      expect(await ada.client.history(service, { limit: 10 }).catch(() => [])).toEqual([]);
      expect(JSON.stringify([ada.pushed, difference])).not.toContain(code);
    });

    it("hands a tap out, and answers it", async () => {
      const dc = await bench.startDc();
      const bob = dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const helper = await bench.bot(dc, "helper_bot");
      dc.phone.send("bob", { peer: "helper_bot", text: "/start" });
      await helper.until(() => updatesOf(helper).length === 1);
      const { peer } = updatesOf(helper)[0]!;
      const { messageId } = await helper.client.send({
        peer,
        text: "What now?",
        buttons: [{ label: "Sites", data: "sites:7" }],
        randomId: "1",
      });
      const shown = dc.phone.messages("bob", { peer: "helper_bot" }).at(-1)!;
      const answer = dc.phone.press("bob", { messageId: shown.id, button: "Sites" });
      await helper.until(() => updatesOf(helper).some(({ kind }) => kind === "tap"));
      const tap = updatesOf(helper).find((update) => update.kind === "tap")!;
      expect(tap).toMatchObject({ messageId, data: "sites:7", peer: { userId: `${bob.id}` } });
      await helper.client.answerTap(tap.queryId);
      expect(await answer).toMatchObject({ isAlert: false });
    });
  });

  describe("reading", () => {
    it("gives the difference in parts, in order, with the cursor after each", async () => {
      const dc = await bench.startDc({ differenceSliceMax: 2 });
      dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const ada = await bench.person(dc, "ada");
      let from = await ada.client.cursor();
      const texts = ["one", "two", "three"];
      for (const text of texts) dc.phone.send("bob", { peer: "ada", text });
      const first = await ada.client.difference(from);
      expect(first).toMatchObject({
        kind: "part",
        updates: [{ text: "one" }, { text: "two" }],
        cursor: { pts: from.pts + 2 },
      });
      if (first.kind !== "too-long") from = first.cursor;
      const second = await ada.client.difference(from);
      expect(second).toMatchObject({ kind: "last", updates: [{ text: "three" }] });
      if (second.kind !== "too-long") from = second.cursor;
      expect(await ada.client.difference(from)).toMatchObject({ kind: "last", updates: [] });
    });

    it("says where Telegram stands when it will not give the difference", async () => {
      const dc = await bench.startDc({ differenceGapMax: 2 });
      dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const ada = await bench.person(dc, "ada");
      const from = await ada.client.cursor();
      for (const text of ["one", "two", "three"]) dc.phone.send("bob", { peer: "ada", text });
      expect(await ada.client.difference(from)).toEqual({ kind: "too-long", pts: from.pts + 3 });
    });

    it("reads dialogs and their history, newest first, page by page, both directions", async () => {
      const dc = await bench.startDc();
      const bob = dc.phone.createUser({ firstName: "Bob", username: "bob" });
      const ada = await bench.person(dc, "ada");
      for (const text of ["one", "two"]) dc.phone.send("bob", { peer: "ada", text });
      dc.phone.send("ada", { peer: "bob", text: "three" });
      const [dialog, ...rest] = await ada.client.dialogs(10);
      expect(rest).toEqual([]);
      expect(dialog!.peer.userId).toBe(String(bob.id));
      const newest = await ada.client.history(dialog!.peer, { limit: 2 });
      expect(newest.map(({ text, outgoing }) => [text, outgoing])).toEqual([
        ["three", true],
        ["two", false],
      ]);
      expect(newest[0]!.messageId).toBe(dialog!.topMessageId);
      const older = await ada.client.history(dialog!.peer, {
        limit: 2,
        beforeId: newest.at(-1)!.messageId,
      });
      expect(older.map(({ text }) => text)).toEqual(["one"]);
    });
  });
}
