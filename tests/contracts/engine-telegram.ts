import { afterEach, describe, expect, it } from "vitest";
import type { AccountUpdate, TelegramFault } from "../../src/ports/telegram/telegram.ts";
import { TelegramError } from "../../src/ports/telegram/telegram-error.ts";
import { faultOf, type OpenedClient } from "../fixtures/telegram-bench.ts";

/** An account with a client that is logged in, and one person who writes to it. */
export interface TelegramScene {
  readonly own: Pick<OpenedClient, "client" | "pushed" | "wire" | "deaths" | "ends" | "until">;
  readonly userId: string;
  /** A client of the account without a key, connected. */
  fresh(): Promise<TelegramScene["own"]>;
  /** The person writes to the account. */
  write(text: string): void;
  /** What the person got from the account. */
  arrived(): readonly string[];
  /** The next call of the method is refused for so long. */
  order(method: string, seconds: number): void;
  /** Breaks the wire under a call. Answers the call's fault. */
  breakWire(): Promise<TelegramFault>;
  killKey(): void;
  /** The wire breaks, and the gate does not dial again. */
  refuseToDial(): Promise<void>;
  /** Telegram gives none of the updates by now one by one any more. */
  skipUpdates(): void;
  nowMs(): number;
  close(): Promise<void>;
}

export type MakeTelegramScene = (of: {
  readonly kind: "user" | "bot";
  /** Updates that one difference gives; by default as many as there are. */
  readonly partSize?: number;
  /** The client may be given no more updates than this one by one. */
  readonly gapMax?: number;
}) => Promise<TelegramScene>;

const updatesOf = ({ pushed }: Pick<OpenedClient, "pushed">): AccountUpdate[] =>
  pushed.flatMap((entry) => entry?.update ?? []);

/** What the engine needs of Telegram behind its driver, whichever Telegram it is. */
export function specifyEngineTelegram(make: MakeTelegramScene): void {
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of undo.splice(0)) await close();
  });
  async function begin(of: Partial<Parameters<MakeTelegramScene>[0]> = {}) {
    const scene = await make({ kind: "user", ...of });
    undo.push(scene.close);
    const { own, write } = scene;
    let written = 0;
    /** The chat, as the first message of it tells. */
    async function meet(text = "hello") {
      write(text);
      written += 1;
      await own.until(() => updatesOf(own).length >= written);
      return updatesOf(own).at(-1)!.peer;
    }
    return { ...scene, client: own.client, meet };
  }

  describe("messages", () => {
    it.each(["user", "bot"] as const)(
      "of a %s are sent once, and the same random id is refused",
      async (kind) => {
        const { client, meet, arrived } = await begin({ kind });
        const peer = await meet();
        const message = { peer, text: "hi", randomId: "-7" };
        await client.send(message);
        expect(await faultOf(client.send(message))).toMatchObject({
          code: "RANDOM_ID_DUPLICATE",
          kind: "refused",
        });
        expect(arrived()).toEqual(["hi"]);
      },
    );

    it("take their place in the sequence, those that were sent too", async () => {
      const { client, own, meet } = await begin();
      const from = await client.cursor();
      const peer = await meet();
      const { messageId } = await client.send({ peer, text: "hi", randomId: "1" });
      await own.until(() => updatesOf(own).length === 2);
      const counted = own.pushed.filter((entry) => entry !== null && entry.pts !== null);
      expect(counted.map((entry) => [entry!.pts, entry!.ptsCount])).toEqual([
        [from.pts + 1, 1],
        [from.pts + 2, 1],
      ]);
      expect(updatesOf(own)[1]).toMatchObject({ text: "hi", outgoing: true, messageId, peer });
      expect(await client.difference(from)).toMatchObject({
        kind: "last",
        updates: [
          { text: "hello", outgoing: false },
          { text: "hi", outgoing: true },
        ],
        cursor: { pts: from.pts + 2 },
      });
    });

    it("that were missed are given in parts, with the cursor after each", async () => {
      const { client, write } = await begin({ partSize: 15 });
      let from = await client.cursor();
      const texts = Array.from({ length: 17 }, (_, n) => `${n}`);
      for (const text of texts) write(text);
      const got: string[] = [];
      const kinds: string[] = [];
      for (let isLast = false; !isLast; ) {
        const part = await client.difference(from);
        if (part.kind === "too-long") throw new Error("too long");
        kinds.push(part.kind);
        got.push(
          ...part.updates.flatMap((update) => (update.kind === "message" ? update.text : [])),
        );
        from = part.cursor;
        isLast = part.kind === "last";
      }
      expect(got).toEqual(texts);
      expect(kinds).toEqual(["part", "last"]);
      expect(await client.difference(from)).toMatchObject({ kind: "last", updates: [] });
    });

    it("that are too many say where Telegram stands", async () => {
      const { client, write, skipUpdates } = await begin({ gapMax: 2 });
      const from = await client.cursor();
      for (const text of ["one", "two", "three"]) write(text);
      skipUpdates();
      expect(await client.difference(from)).toEqual({ kind: "too-long", pts: from.pts + 3 });
    });

    it("are read back newest first, page by page, both directions", async () => {
      const { client, meet, write } = await begin();
      const peer = await meet("one");
      write("two");
      await client.send({ peer, text: "three", randomId: "1" });
      const [dialog, ...rest] = await client.dialogs(10);
      expect(rest).toEqual([]);
      expect(dialog!.peer.userId).toBe(peer.userId);
      const newest = await client.history(peer, { limit: 2 });
      expect(newest.map(({ text, outgoing }) => [text, outgoing])).toEqual([
        ["three", true],
        ["two", false],
      ]);
      expect(newest[0]!.messageId).toBe(dialog!.topMessageId);
      const beforeId = newest.at(-1)!.messageId;
      const older = await client.history(peer, { limit: 2, beforeId });
      expect(older.map(({ text }) => text)).toEqual(["one"]);
    });

    it("are read by their ids by a bot, which sees no dialogs and no history", async () => {
      const { client, own, meet } = await begin({ kind: "bot" });
      const peer = await meet("one");
      await meet("two");
      const [one, two] = updatesOf(own).map(({ messageId }) => messageId);
      const found = await client.messagesById([one!, two!, two! + 1]);
      expect(found.map(({ messageId, message }) => [messageId, message?.text])).toEqual([
        [one, "one"],
        [two, "two"],
      ]);
      const refusal = { code: "BOT_METHOD_INVALID", kind: "refused" };
      expect(await faultOf(client.dialogs(10))).toMatchObject(refusal);
      expect(await faultOf(client.history(peer, { limit: 2 }))).toMatchObject(refusal);
    });
  });

  describe("a call", () => {
    it("under a wait is refused with its seconds", async () => {
      const { client, order } = await begin();
      order("messages.getDialogs", 3);
      expect(await faultOf(client.dialogs(10))).toMatchObject({
        code: "FLOOD_WAIT",
        kind: "flood",
        waitSeconds: 3,
      });
    });

    it("whose wire breaks has an unknown outcome, and the client comes back by itself", async () => {
      const { client, own, breakWire, userId } = await begin();
      expect(await breakWire()).toMatchObject({ code: "CONNECTION_LOST", kind: "unknown" });
      await own.until(() => own.wire.length === 3);
      expect(own.wire).toEqual(["connected", "disconnected", "connected"]);
      expect((await client.self()).userId).toBe(userId);
    });

    it("is over when the client is closed, for ever, and nobody is told", async () => {
      const { client, own } = await begin();
      const call = faultOf(client.dialogs(10));
      await client.close();
      const [fault, later, again] = [
        await call,
        await faultOf(client.self()),
        await faultOf(client.connect()),
      ];
      for (const one of [fault, later, again]) expect(one.code).toBe("CLIENT_CLOSED");
      expect(client.callsInFlight).toBe(0);
      expect([own.wire, own.ends, own.deaths]).toEqual([["connected"], [], []]);
    });

    it("is refused for ever once the gate does not dial, which is told once", async () => {
      const { client, own, refuseToDial } = await begin();
      await refuseToDial();
      await own.until(() => own.ends.length > 0);
      await expect(client.self()).rejects.toBeInstanceOf(TelegramError);
      expect(own.wire).toEqual(["connected", "disconnected"]);
      expect(own.ends).toHaveLength(1);
    });
  });

  describe("a key", () => {
    it("that has died is told once, and ends the client", async () => {
      const { client, own, killKey } = await begin();
      killKey();
      const faults = await Promise.all([faultOf(client.self()), faultOf(client.cursor())]);
      expect(faults.map(({ kind }) => kind)).toEqual(["dead-key", "dead-key"]);
      expect(own.deaths).toHaveLength(1);
      expect((await faultOf(client.self())).kind).toBe("dead-key");
      expect(own.deaths).toHaveLength(1);
    });

    it("that nobody has logged in is refused, and lives", async () => {
      const { fresh } = await begin();
      const { client, deaths } = await fresh();
      const refusal = { code: "AUTH_KEY_UNREGISTERED", kind: "refused" };
      expect(await faultOf(client.self())).toMatchObject(refusal);
      expect(deaths).toEqual([]);
    });

    it("is let in by the one that serves, and both work", async () => {
      const { client: old, fresh, userId, nowMs } = await begin();
      const { client } = await fresh();
      const shown = await client.loginToken();
      expect(shown!.expiresAtMs).toBeGreaterThan(nowMs());
      await old.acceptLoginToken(shown!.token);
      expect(await client.loginToken()).toBeNull();
      expect((await client.self()).userId).toBe(userId);
      expect((await old.self()).userId).toBe(userId);
    });

    it("that logs out leaves the other one as it was", async () => {
      const { client: old, fresh, userId } = await begin();
      const { client } = await fresh();
      await old.acceptLoginToken((await client.loginToken())!.token);
      await client.loginToken();
      await old.logOut();
      expect((await client.self()).userId).toBe(userId);
    });
  });
}
