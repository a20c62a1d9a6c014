import { createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import type { TelegramDc } from "../../src/telegram-dc/telegram-dc.ts";
import {
  callsOf,
  createTelegramBench,
  dialTcp,
  faultOf,
  type MakeDriver,
  untilNoneOpen,
} from "../fixtures/telegram-bench.ts";

/** Errors of calls, broken wires and dead keys. */
export function specifyFaults(makeDriver: MakeDriver): void {
  const bench = createTelegramBench(makeDriver);

  describe("errors of calls", () => {
    it("reports a flood wait with its seconds, and does not wait it out", async () => {
      const dc = await bench.startDc();
      const { client } = await bench.person(dc, "ada");
      dc.phone.addFault({ kind: "flood", method: "messages.getDialogs", seconds: 3 });
      expect(await faultOf(client.dialogs(10))).toMatchObject({
        code: "FLOOD_WAIT",
        kind: "flood",
        waitSeconds: 3,
      });
      expect(callsOf(dc, "messages.getDialogs")).toBe(1);
    });

    it("reports an internal error as an unknown outcome, and does not try again", async () => {
      const dc = await bench.startDc();
      const { client } = await bench.person(dc, "ada");
      dc.phone.addFault({
        kind: "error",
        method: "messages.getDialogs",
        code: 500,
        message: "INTERNAL",
      });
      expect(await faultOf(client.dialogs(10))).toMatchObject({
        code: "INTERNAL",
        kind: "unknown",
      });
      expect(callsOf(dc, "messages.getDialogs")).toBe(1);
    });

    it("reports a call without an answer as an unknown outcome", async () => {
      const dc = await bench.startDc();
      const { client } = await bench.person(dc, "ada", { callMsMax: 200 });
      dc.phone.addFault({ kind: "drop-answer", method: "messages.getDialogs" });
      expect(await faultOf(client.dialogs(10))).toMatchObject({
        code: "CALL_TIMEOUT",
        kind: "unknown",
      });
      expect(client.callsInFlight).toBe(0);
    });

    it("counts the calls that wait for an answer", async () => {
      const dc = await bench.startDc();
      const { client } = await bench.person(dc, "ada");
      expect(client.callsInFlight).toBe(0);
      const calls = [client.self(), client.cursor()];
      expect(client.callsInFlight).toBe(2);
      await Promise.all(calls);
      expect(client.callsInFlight).toBe(0);
    });
  });

  describe("a broken wire", () => {
    it("rejects the call on it as unknown, and connects again by itself", async () => {
      const dc = await bench.startDc();
      const { client, wire, until, dials, id } = await bench.person(dc, "ada");
      dc.phone.addFault({ kind: "reset", method: "messages.getDialogs", when: "before" });
      expect(await faultOf(client.dialogs(10))).toMatchObject({
        code: "CONNECTION_LOST",
        kind: "unknown",
      });
      await until(() => wire.length === 3);
      expect(wire).toEqual(["connected", "disconnected", "connected"]);
      expect(dials()).toBe(2);
      expect((await client.self()).userId).toBe(String(id));
      expect(callsOf(dc, "messages.getDialogs")).toBe(1);
    });

    it("loses nothing that the difference does not give back", async () => {
      const dc = await bench.startDc();
      dc.phone.createUser({ firstName: "Bob", username: "bob" });
      let block = () => {};
      const blocked = new Promise<void>((resolve) => (block = resolve));
      const ada = await bench.person(dc, "ada", {
        dial: async (n, dialDc) => {
          if (n > 1) await blocked;
          return dialDc();
        },
      });
      const from = await ada.client.cursor();
      dc.phone.addFault({ kind: "reset", method: "messages.getDialogs" });
      await faultOf(ada.client.dialogs(10));
      dc.phone.send("bob", { peer: "ada", text: "while you were away" });
      block();
      expect(await ada.client.difference(from)).toMatchObject({
        updates: [{ text: "while you were away" }],
      });
    });

    it("is tried again until the data centre answers", async () => {
      const dc = await bench.startDc();
      const { client, dials } = bench.open(dc, {
        dial: (n, dialDc) => (n < 3 ? Promise.reject(new Error("refused")) : dialDc()),
      });
      await client.connect();
      expect(dials()).toBe(3);
    });
  });

  describe("a dead key", () => {
    const reasons = [
      ["duplicated", /^AUTH_KEY_DUPLICATED$|^AUTH_KEY_UNREGISTERED$/],
      ["revoked", /^SESSION_REVOKED$|^AUTH_KEY_UNREGISTERED$/],
      ["deactivated", /^USER_DEACTIVATED$/],
      ["banned", /^USER_DEACTIVATED_BAN$/],
    ] as const;

    it.each(reasons)("that was %s is told once and ends the client", async (reason, name) => {
      const dc = await bench.startDc();
      const { client, deaths: told, dials } = await bench.person(dc, "ada");
      dc.phone.addFault({ kind: "kill-key", authKeyId: client.keyId!, reason });
      const faults = await Promise.all([faultOf(client.self()), faultOf(client.cursor())]);
      expect(told).toHaveLength(1);
      expect(told[0]).toMatchObject({ kind: "dead-key", code: expect.stringMatching(name) });
      for (const fault of faults) expect(fault.kind).toBe("dead-key");
      expect((await faultOf(client.self())).kind).toBe("dead-key");
      await untilNoneOpen(dc);
      expect(dials()).toBe(1);
    });

    it("that the transport does not know is told, and never used again", async () => {
      const dc = await bench.startDc();
      const { client, sessions } = await bench.person(dc, "ada");
      await client.close();
      const stranger = await bench.startDc();
      const again = bench.open(stranger, { session: sessions[0]!.bytes });
      expect(await faultOf(again.client.connect())).toMatchObject({
        code: "TRANSPORT_404",
        kind: "dead-key",
      });
      expect(again.deaths).toMatchObject([{ code: "TRANSPORT_404" }]);
      expect(again.sessions).toEqual([]);
      expect(again.dials()).toBe(1);
    });

    it("is not what the same answer to a key exchange means, which is made anew on a new wire", async () => {
      const dc = await bench.startDc();
      const refusing = await startRefusing();
      const wires: Socket[] = [];
      let openAtSecond = 0;
      try {
        const { client, deaths, sessions, dials } = bench.open(dc, {
          async dial(n, dialDc) {
            if (n === 1) wires.push(await dialTcp(refusing));
            else openAtSecond = wires.filter(({ destroyed }) => !destroyed).length;
            return n === 1 ? wires[0]! : dialDc();
          },
        });
        await client.connect();
        expect(deaths).toEqual([]);
        expect(sessions).toHaveLength(1);
        expect(openAtSecond).toBe(0);
        // The exchange on the new wire may fail by chance, and is then made once more.
        expect(dials()).toBeGreaterThanOrEqual(2);
        expect(dials()).toBeLessThanOrEqual(3);
      } finally {
        refusing.close();
      }
    });
  });
}

/** The transport's tag comes before the first frame, with it or alone. */
const tagBytes = 4;

/** Answers the first frame of every connection with the transport error -404. */
async function startRefusing(): Promise<Pick<TelegramDc, "host" | "port"> & { close(): void }> {
  const sockets = new Set<Socket>();
  const answer = Buffer.alloc(8);
  answer.writeUInt32LE(4, 0);
  answer.writeInt32LE(-404, 4);
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => {
      const hadFrame = bytes > tagBytes;
      bytes += chunk.length;
      if (!hadFrame && bytes > tagBytes) socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    host: "127.0.0.1",
    port: address.port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
